// @ts-check
/**
 * From noise to a film: DDIM on a diffusion (notebooks 03 and 07), Euler's method on a flow (notebook 10), and guidance.
 * A scheduler says which moments are visited, and what the network's output at a moment says of x₀ and ε. The step to
 * the next moment mixes these two anew: for a flow, this is Euler's step.
 */

/**
 * @typedef {object} Moment when x_t = signal x₀ + noise ε
 * @property {number} t @property {string} label t as it is shown @property {number} given what the network gets for t
 * @property {number} signal @property {number} noise
 */

/** DDIM (Song et al. 2021) without noise; the network says v = √ᾱ ε − √(1−ᾱ) x₀ (Salimans and Ho 2022). */
class Diffusion {
  symbols = ["√ᾱ", "√(1−ᾱ)"];

  /** @param {{alpha_bars: number[]}} config */
  constructor({ alpha_bars }) {
    this.alphaBars = alpha_bars;
  }

  /** @param {number} t from 1; 0 is the film @returns {Moment} */
  at(t) {
    const alphaBar = t > 0 ? this.alphaBars[t - 1] : 1;
    return { t, label: `t = ${t}`, given: t - 1, signal: Math.sqrt(alphaBar), noise: Math.sqrt(1 - alphaBar) };
  }

  /** What the picture of the schedule joins by lines. */
  curve() {
    return this.alphaBars.map((_, i) => this.at(i + 1));
  }

  /** "Trailing" spacing. @param {number} steps @returns {Moment[][]} at each step, its moment and where it leads */
  path(steps) {
    const total = this.alphaBars.length;
    const stride = Math.floor(total / steps); // so a step may end beside the next one's start, as in diffusers
    const times = Array.from({ length: steps }, (_, i) => roundHalfToEven(total - i * (total / steps)));
    return times.map((t) => [this.at(t), this.at(Math.max(t - stride, 0))]);
  }

  /** @param {Float32Array} x @param {Float32Array} v @param {Moment} moment */
  split(x, v, { signal, noise }) {
    return { x0: x.map((value, i) => signal * value - noise * v[i]), eps: x.map((value, i) => noise * value + signal * v[i]) };
  }
}

/** A flow along straight lines, x_t = (1 − t) x₀ + t ε; the network says u = ε − x₀. */
class Flow {
  symbols = ["1−t", "t"];

  /** @param {{shift: number, sigmas: number[], total: number}} config sigmas: the first and the last, before the shift */
  constructor({ shift, sigmas, total }) {
    this.shift = shift;
    this.sigmas = sigmas;
    this.total = total;
  }

  /** @param {number} t from 1, noise, to 0, the film @returns {Moment} */
  at(t) {
    return { t, label: `t = ${t.toFixed(2)}`, given: t * this.total, signal: 1 - t, noise: t };
  }

  curve() {
    return [this.at(0), this.at(1)];
  }

  /** @param {number} steps @returns {Moment[][]} */
  path(steps) {
    const [first, last] = this.sigmas;
    const times = Array.from({ length: steps }, (_, i) => {
      const even = first + (last - first) * (i / Math.max(steps - 1, 1));
      return Math.fround((this.shift * even) / (1 + (this.shift - 1) * even));
    });
    return times.map((t, i) => [this.at(t), this.at(times[i + 1] ?? 0)]);
  }

  /** @param {Float32Array} x @param {Float32Array} u @param {Moment} moment */
  split(x, u, { signal, noise }) {
    return { x0: x.map((value, i) => value - noise * u[i]), eps: x.map((value, i) => value + signal * u[i]) };
  }
}

/** @param {any} config of `model.json` @returns {Diffusion | Flow} */
export function scheduler(config) {
  return config.alpha_bars ? new Diffusion(config) : new Flow(config);
}

/** @param {number} x */
function roundHalfToEven(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 ? low + 1 : low;
}

/**
 * Without and with the text, by Ho and Salimans 2022: (1 - w) without + w with.
 * @param {Float32Array} without @param {Float32Array} withText @param {number} w guidance scale
 */
export function guide(without, withText, w) {
  return without.map((value, i) => value + w * (withText[i] - value));
}

/** x at a moment. @param {Float32Array} x0 @param {Float32Array} eps @param {Moment} moment */
export function mix(x0, eps, { signal, noise }) {
  return x0.map((value, i) => signal * value + noise * eps[i]);
}
