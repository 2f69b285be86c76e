// @ts-check
/** Noise schedules, by the formulas of `t2v_helpers/schedules.py`. Step t sits at index t - 1; alpha_bar_0 = 1. */

/** @typedef {{start?: number, end?: number}} Ends beta_1 and beta_T */

/** @param {number} start @param {number} end @param {number} count as torch.linspace */
const linspace = (start, end, count) =>
  Float64Array.from({ length: count }, (_, i) => start + ((end - start) * i) / Math.max(count - 1, 1));

export class NoiseSchedule {
  /** @param {Float64Array} betas */
  constructor(betas) {
    this.betas = betas;
    let product = 1;
    this.alphaBars = betas.map((beta) => (product *= 1 - beta)); // Eq. 2.3
    this.snr = this.alphaBars.map((alphaBar) => alphaBar / (1 - alphaBar)); // Eq. 2.4
  }

  get length() {
    return this.betas.length;
  }

  /** @param {number} T @param {Ends} ends */
  static linear(T = 1000, { start = 0.1 / T, end = 20 / T } = {}) {
    return new NoiseSchedule(linspace(start, end, T)); // Eq. 4.1
  }

  /** ModelScope's, with these ends. @param {number} T @param {Ends} ends */
  static scaledLinear(T = 1000, { start = 0.85 / T, end = 12 / T } = {}) {
    return new NoiseSchedule(linspace(start ** 0.5, end ** 0.5, T).map((root) => root ** 2)); // Eq. 4.2
  }

  /** @param {number} T */
  static cosine(T = 1000) {
    const f = linspace(0, 1, T + 1).map((share) => Math.cos((((share + 0.008) / 1.008) * Math.PI) / 2) ** 2);
    return new NoiseSchedule(f.subarray(1).map((next, i) => Math.min(1 - next / f[i], 0.999))); // Eq. 4.3
  }

  /** @param {number} T @param {Ends} ends */
  static sigmoid(T = 1000, { start = 0.1 / T, end = 20 / T } = {}) {
    return new NoiseSchedule(linspace(-6, 6, T).map((x) => start + (end - start) / (1 + Math.exp(-x)))); // Eq. 4.4
  }

  /** Shifted and scaled until nothing of the data is left in x_T (Lin et al. 2023). */
  zeroTerminalSnr() {
    const root = this.alphaBars.map(Math.sqrt);
    const [first, last] = [root[0], root[root.length - 1]];
    const alphaBars = root.map((each) => (((each - last) * first) / (first - last)) ** 2); // Eq. 2.6
    return new NoiseSchedule(alphaBars.map((alphaBar, i) => 1 - alphaBar / (i ? alphaBars[i - 1] : 1)));
  }
}

/** @type {Record<string, (T?: number, ends?: Ends) => NoiseSchedule>} */
export const FAMILIES = {
  linear: NoiseSchedule.linear,
  "scaled linear": NoiseSchedule.scaledLinear,
  sigmoid: NoiseSchedule.sigmoid,
  cosine: NoiseSchedule.cosine,
};
