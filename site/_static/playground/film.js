// @ts-check
/** Frames (RGBA, square) on canvases, and as files. */
import { GIFEncoder, applyPalette, quantize } from "./vendor/gifenc.js";

/** @typedef {Uint8ClampedArray} Frame */

/** @param {Frame} frame */
function sideOf(frame) {
  return Math.round(Math.sqrt(frame.length / 4));
}

/** @param {HTMLCanvasElement} canvas @param {Frame} frame */
export function draw(canvas, frame) {
  canvas.width = canvas.height = sideOf(frame);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(new Uint8ClampedArray(frame), canvas.width), 0, 0);
}

/** Plays films on all canvases of a page by one clock; who asks for less motion sees the middle frame. */
export class Player {
  constructor() {
    this.films = new Map();
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.start = performance.now();
    this.fps = 1;
  }

  /** @param {number} fps */
  pace(fps) {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.#tick(), 1000 / fps);
    this.fps = fps;
  }

  /** @param {HTMLCanvasElement} canvas @param {Frame[]} frames */
  play(canvas, frames) {
    this.films.set(canvas, frames);
    draw(canvas, frames[this.#now(frames)]);
  }

  /** @param {Frame[]} frames */
  #now(frames) {
    if (this.still) return frames.length >> 1;
    return Math.floor(((performance.now() - this.start) / 1000) * this.fps) % frames.length;
  }

  #tick() {
    for (const [canvas, frames] of this.films) {
      if (canvas.isConnected) draw(canvas, frames[this.#now(frames)]);
      else this.films.delete(canvas);
    }
  }
}

/** Each pixel as a square of `scale`, so that players don't blur it. @param {Frame} frame @param {number} scale */
function enlarge(frame, scale) {
  const side = sideOf(frame);
  const large = new Uint32Array((side * scale) ** 2);
  const small = new Uint32Array(frame.buffer, frame.byteOffset, side * side);
  for (let y = 0, i = 0; y < side * scale; y++) {
    const row = Math.floor(y / scale) * side;
    for (let x = 0; x < side * scale; x++) large[i++] = small[row + Math.floor(x / scale)];
  }
  return new Uint8ClampedArray(large.buffer);
}

/** @param {Frame[]} frames @param {number} fps @returns {Blob} a GIF that repeats */
export function gif(frames, fps, scale = 4) {
  const encoder = GIFEncoder();
  for (const frame of frames.map((each) => enlarge(each, scale))) {
    const palette = quantize(frame, 256);
    const side = sideOf(frame);
    encoder.writeFrame(applyPalette(frame, palette), side, side, { palette, delay: 1000 / fps });
  }
  encoder.finish();
  return new Blob([encoder.bytes()], { type: "image/gif" });
}

/** Recorded from a canvas, so it takes as long as the film. @param {Frame[]} frames @param {number} fps */
export async function webm(frames, fps, scale = 4) {
  const canvas = document.createElement("canvas");
  draw(canvas, enlarge(frames[0], scale));
  const stream = canvas.captureStream(0);
  const track = /** @type {any} */ (stream.getVideoTracks()[0]);
  const recorder = new MediaRecorder(stream, { mimeType: "video/webm", videoBitsPerSecond: 4e6 });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (const frame of [...frames, frames[frames.length - 1]]) {
    draw(canvas, enlarge(frame, scale));
    track.requestFrame();
    await new Promise((resolve) => setTimeout(resolve, 1000 / fps));
  }
  recorder.stop();
  await stopped;
  return new Blob(parts, { type: "video/webm" });
}

/** One channel of latents as a frame: blue below 0, white, orange above. @param {Float32Array} values in about ±2 */
export function heat(values) {
  const frame = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, i) => {
    const share = Math.min(Math.abs(value) / 2, 1);
    const far = value < 0 ? [0, 90, 160] : [213, 94, 0];
    for (let c = 0; c < 3; c++) frame[4 * i + c] = 255 + share * (far[c] - 255);
    frame[4 * i + 3] = 255;
  });
  return frame;
}
