// @ts-check
/** The networks run here, so that the page stays awake. Messages in: see app.js. Out: {id, kind, ...}. */
import { Pipeline } from "./pipeline.js";

/** @type {Record<string, Promise<Pipeline>>} by the model's name */
const pipelines = {};
let wanted = 0; // the newest request; older ones stop
const post = (/** @type {object} */ message) => self.postMessage(message);

self.onmessage = async ({ data: { id, kind, base, model, request, latents } }) => {
  try {
    if (kind !== "decode") wanted = id;
    if (kind === "load") {
      pipelines[model] = Pipeline.load(base, model, (loaded, total) => post({ id, kind: "progress", loaded, total }));
      return post({ id, kind: "done", config: (await pipelines[model]).config });
    }
    const pipeline = await pipelines[model];
    if (kind === "decode") return post({ id, kind: "done", frames: await pipeline.decode(latents) });
    const stopped = () => wanted !== id;
    const x = await pipeline.denoise(request, (step) => post({ id, kind: "step", ...step }), stopped);
    if (stopped()) return post({ id, kind: "stopped" });
    post({ id, kind: "done", latents: x, frames: await pipeline.decode(x) });
  } catch (error) {
    post({ id, kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
};
