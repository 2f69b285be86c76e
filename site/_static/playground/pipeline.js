// @ts-check
/**
 * From a prompt to a film: text encoder, denoiser, decoder, as notebook 07 takes them apart.
 * The networks are those of `assets/tiny-t2v`, exported by `make site`; `model.json` has what their folder says.
 */
import * as ort from "./vendor/ort.js";
import { guide, mix, split, timesteps } from "./ddim.js";
import { tokens } from "./prompt.js";
import { randn } from "./random.js";

/**
 * @typedef {object} Request
 * @property {string} prompt @property {string} seed @property {number} steps @property {number} guidance
 */
/**
 * @typedef {object} Step
 * @property {number} step from 1 @property {number} t from 1 to T @property {Float32Array} x0 the guess, (c, f, h, w)
 * @property {Uint8ClampedArray} glimpse one frame of the guess, as RGBA
 */

export class Pipeline {
  /**
   * @param {string} base the folder's address, with a slash at its end
   * @param {(loaded: number, total: number) => void} progress in bytes
   */
  static async load(base, progress) {
    ort.env.wasm.numThreads = 1; // more need headers that a static host does not send
    ort.env.wasm.wasmPaths = { wasm: `${base}vendor/ort.wasm` };
    const config = await (await download(`${base}model/model.json`)).json();
    const sizes = Object.values(config.bytes);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let loaded = 0;
    const count = (/** @type {number} */ bytes) => progress((loaded += bytes), total);
    const sessions = [];
    ort.env.wasm.wasmBinary = await read(`${base}vendor/ort.wasm`, count);
    for (const name of ["text", "unet", "decoder"]) {
      sessions.push(await ort.InferenceSession.create(await read(`${base}model/${name}.onnx`, count)));
    }
    return new Pipeline(config, sessions);
  }

  /** @param {any} config @param {any[]} sessions */
  constructor(config, [text, unet, decoder]) {
    Object.assign(this, { config, text, unet, decoder });
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
    const times = timesteps(steps, config.total);
    const stride = Math.floor(config.total / steps);
    let x = randn(count, BigInt(seed));
    for (const [i, t] of times.entries()) {
      const latents = tensor("float32", prompts.map(() => x), [prompts.length, ...config.latents]);
      const { out } = await this.unet.run({ latents, t: new ort.Tensor("int64", BigInt64Array.of(BigInt(t)), []), text });
      if (stopped()) break;
      const halves = [out.data.slice(0, count), out.data.slice(count)];
      const v = guided ? guide(halves[0], halves[1], guidance) : halves[0];
      const { x0, eps } = split(x, v, config.alpha_bars[t]);
      x = mix(x0, eps, t >= stride ? config.alpha_bars[t - stride] : 1);
      show({ step: i + 1, t: t + 1, x0, glimpse: (await this.decode(x0, [config.latents[1] >> 1]))[0] });
    }
    return x;
  }

  /**
   * @param {Float32Array} latents (c, f, h, w)
   * @param {number[]} frames which; all, if none are named
   * @returns {Promise<Uint8ClampedArray[]>} each frame's pixels, RGBA
   */
  async decode(latents, frames = [...Array(this.config.latents[1]).keys()]) {
    const [channels, length, height, width] = this.config.latents;
    const area = height * width;
    const chosen = new Float32Array(frames.length * channels * area);
    frames.forEach((frame, i) => {
      for (let c = 0; c < channels; c++) {
        const from = (c * length + frame) * area;
        chosen.set(latents.subarray(from, from + area), (i * channels + c) * area);
      }
    });
    const shape = [frames.length, channels, height, width];
    const { out } = await this.decoder.run({ latents: new ort.Tensor("float32", chosen, shape) });
    const pixels = out.dims[2] * out.dims[3];
    return frames.map((_, i) => rgba(out.data.subarray(3 * i * pixels, 3 * (i + 1) * pixels), pixels));
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

/** @param {string} address @param {(bytes: number) => void} count */
async function read(address, count) {
  const response = await download(address);
  if (!response.body) return await response.arrayBuffer();
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
  return await new Blob(parts).arrayBuffer();
}
