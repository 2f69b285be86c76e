// @ts-check
/**
 * From a prompt to a film: text encoder, denoiser, decoder, as notebooks 07 and 11 take them apart.
 * `make site` exports each scale model's networks; `model.json` has what its folder and the package's table of models say.
 *
 * All runs in WebAssembly, though onnxruntime-web knows WebGPU as well: its runtime for that is twice as large, and
 * neither speed nor pixels could be checked (CI's Chromium has no GPU). On a CPU a film takes about three seconds.
 */
import * as ort from "./vendor/ort.js";
import { tokens } from "./prompt.js";
import { randn } from "./random.js";
import { guide, mix, scheduler } from "./schedulers.js";

/**
 * @typedef {object} Request
 * @property {string} prompt @property {string} seed @property {number} steps @property {number} guidance
 */
/**
 * @typedef {object} Step
 * @property {number} step from 1 @property {import("./schedulers.js").Moment} moment
 * @property {Float32Array} x0 the guess, (c, f, h, w) @property {Uint8ClampedArray[]} frames its film, or one frame of it
 */

export class Pipeline {
  /**
   * @param {string} base the folder's address, with a slash at its end
   * @param {string} model its name in Python
   * @param {(loaded: number, total: number) => void} progress in bytes
   */
  static async load(base, model, progress) {
    const folder = `${base}models/${model}/`;
    const config = await (await download(`${folder}model.json`)).json();
    const { wasm } = ort.env;
    /** @type {number[]} */
    const sizes = Object.values(config.bytes);
    const total = sizes.reduce((sum, size) => sum + size, wasm.wasmBinary ? 0 : config.runtime);
    let loaded = 0;
    const count = (/** @type {number} */ bytes) => progress((loaded += bytes), total);
    if (!wasm.wasmBinary) {
      wasm.numThreads = 1; // more need headers that a static host does not send
      const packed = (await read(`${base}vendor/ort.bin`, count)).stream();
      wasm.wasmBinary = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    }
    const sessions = [];
    for (const file of ["text.onnx", "denoiser.onnx", "decoder.onnx"]) {
      sessions.push(await ort.InferenceSession.create(await (await read(folder + file, count)).arrayBuffer()));
    }
    return new Pipeline(config, sessions);
  }

  /** @param {any} config @param {any[]} sessions */
  constructor(config, [text, denoiser, decoder]) {
    Object.assign(this, { config, text, denoiser, decoder, scheduler: scheduler(config) });
  }

  /**
   * @param {Request} request
   * @param {(step: Step) => void} show is called with each guess
   * @param {() => boolean} stopped whether nobody waits for this film any more
   * @returns {Promise<Float32Array>} the film's latents, (c, f, h, w)
   */
  async denoise({ prompt, seed, steps, guidance }, show, stopped = () => false) {
    const { config } = this;
    const guided = guidance !== 0 && guidance !== 1;
    const prompts = guided ? ["", prompt] : [guidance === 0 ? "" : prompt];
    tokens(prompt, config.vocabulary); // to be checked even where it is not used
    const ids = prompts.map((each) => tokens(each, config.vocabulary));
    const { out: text } = await this.text.run({ ids: tensor("int64", ids, [ids.length, config.vocabulary.length]) });
    const count = config.latents.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b);
    let x = randn(count, BigInt(seed));
    for (const [i, [moment, next]] of this.scheduler.path(steps).entries()) {
      const latents = tensor("float32", prompts.map(() => x), [prompts.length, ...config.latents]);
      const t = new ort.Tensor("float32", [moment.given], []);
      const { out } = await this.denoiser.run({ latents, t, text });
      if (stopped()) break;
      const halves = [out.data.slice(0, count), out.data.slice(count)];
      const said = guided ? guide(halves[0], halves[1], guidance) : halves[0];
      const { x0, eps } = this.scheduler.split(x, said, moment);
      x = mix(x0, eps, next);
      const frames = config.latents[1] === config.frames ? [config.frames >> 1] : undefined; // one alone, if that can be
      show({ step: i + 1, moment, x0, frames: await this.decode(x0, frames) });
    }
    return x;
  }

  /**
   * @param {Float32Array} latents (c, f, h, w)
   * @param {number[]} chosen which latent frames; all, if none are named
   * @returns {Promise<Uint8ClampedArray[]>} each frame's pixels, RGBA
   */
  async decode(latents, chosen = [...Array(this.config.latents[1]).keys()]) {
    const [channels, length, height, width] = this.config.latents;
    const area = height * width;
    const parts = [...Array(channels).keys()].flatMap((c) =>
      chosen.map((frame) => latents.subarray((c * length + frame) * area, (c * length + frame + 1) * area)),
    );
    const { out } = await this.decoder.run({
      latents: tensor("float32", parts, [channels, chosen.length, height, width]),
    });
    const pixels = out.dims[2] * out.dims[3];
    return Array.from({ length: out.dims[0] }, (_, i) => rgba(out.data.subarray(3 * i * pixels, 3 * (i + 1) * pixels), pixels));
  }
}

/** @param {Float32Array} planes red, green, blue in [-1, 1] @param {number} pixels */
function rgba(planes, pixels) {
  const image = new Uint8ClampedArray(4 * pixels); // which rounds and clamps
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) image[4 * i + c] = 255 * (planes[c * pixels + i] / 2 + 0.5);
    image[4 * i + 3] = 255;
  }
  return image;
}

/** @param {string} type @param {any[]} rows of equal length @param {number[]} shape */
function tensor(type, rows, shape) {
  const all = new rows[0].constructor(rows.length * rows[0].length);
  rows.forEach((row, i) => all.set(row, i * row.length));
  return new ort.Tensor(type, all, shape);
}

/** @param {string} address */
async function download(address) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(`${address} could not be loaded. Check the connection, then reload this page.`);
  }
  if (!response.ok) throw new Error(`${address} could not be loaded: the server answered ${response.status}.`);
  return response;
}

/** @param {string} address @param {(bytes: number) => void} count @returns {Promise<Blob>} */
async function read(address, count) {
  const response = await download(address);
  if (!response.body) return await response.blob();
  const parts = [];
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Error(`${address} was cut off. Check the connection, then reload this page.`);
    });
    if (done) break;
    parts.push(value);
    count(value.length);
  }
  return new Blob(parts);
}
