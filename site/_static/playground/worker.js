// @ts-check
/** The networks run here, so that the page stays awake. Messages in: see app.js. Out: {id, kind, ...}. */
import { Pipeline } from "./pipeline.js";

/** @type {Promise<Pipeline> | undefined} */
let loading;
let wanted = 0; // the newest request; older ones stop
const post = (/** @type {object} */ message) => self.postMessage(message);

self.onmessage = async ({ data: { id, kind, base, request, latents } }) => {
  try {
    if (kind === "load") {
      loading = Pipeline.load(base, (loaded, total) => post({ id, kind: "progress", loaded, total }));
      const { config } = await loading;
      return post({ id, kind: "done", config });
    }
    const pipeline = /** @type {Pipeline} */ (await loading);
    if (kind === "decode") return post({ id, kind: "done", frames: await pipeline.decode(latents) });
    wanted = id;
    const stopped = () => wanted !== id;
    const x = await pipeline.denoise(request, (step) => post({ id, kind: "step", ...step }), stopped);
    if (stopped()) return post({ id, kind: "stopped" });
    post({ id, kind: "done", latents: x, frames: await pipeline.decode(x) });
  } catch (error) {
    post({ id, kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
};
