// @ts-check
/** Forward process, exact denoiser and sampler, by the formulas of `t2v_helpers/diffusion.py`. */
import { randn } from "../playground/random.js";
/** @typedef {import("./schedules.js").NoiseSchedule} NoiseSchedule */
/** @typedef {import("../playground/random.js").Generator} Generator */
/** @typedef {ArrayLike<number>} Numbers of a batch, one sample after the other */

/** @param {number} t @param {NoiseSchedule} schedule */
export const alphaBarOf = (t, schedule) => (t ? schedule.alphaBars[t - 1] : 1);

/** t forward steps at once. @param {Numbers} x0 @param {number} t @param {NoiseSchedule} schedule @param {Numbers} eps */
export function qSample(x0, t, schedule, eps) {
  const alphaBar = alphaBarOf(t, schedule);
  const [signal, noise] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
  return Float64Array.from(x0, (x, i) => signal * x + noise * eps[i]); // Eq. 2.2
}

/**
 * E[x0 | x_t] for a mixture of round Gaussians in the plane, all of equal weight.
 * @param {Numbers} centers @param {NoiseSchedule} schedule @param {number} std
 * @returns {(x_t: Numbers, t: number) => Float64Array}
 */
export function exactDenoiser(centers, schedule, std = 0) {
  const count = centers.length / 2;
  return (x_t, t) => {
    const alphaBar = alphaBarOf(t, schedule);
    const signal = Math.sqrt(alphaBar);
    const variance = alphaBar * std ** 2 + 1 - alphaBar; // from center i, x_t is N(signal center_i, variance I)
    const gain = (signal * std ** 2) / variance;
    const x0Hat = new Float64Array(x_t.length);
    const logs = new Float64Array(count);
    for (let at = 0; at < x_t.length; at += 2) {
      for (let i = 0; i < count; i++) {
        const [dx, dy] = [x_t[at] - signal * centers[2 * i], x_t[at + 1] - signal * centers[2 * i + 1]];
        logs[i] = -(dx * dx + dy * dy) / (2 * variance);
      }
      const most = Math.max(...logs);
      const p = logs.map((log) => Math.exp(log - most));
      const sum = p.reduce((a, b) => a + b);
      for (let c = 0; c < 2; c++) {
        let mean = 0; // of the centers, each weighted by how likely x_t came from it
        for (let i = 0; i < count; i++) mean += (p[i] / sum) * centers[2 * i + c];
        x0Hat[at + c] = mean + gain * (x_t[at + c] - signal * mean); // Eq. 3.4
      }
    }
    return x0Hat;
  };
}

/** The steps at which a sampler calls the model, from T down, without the 0. @param {number} steps @param {number} T */
export const times = (steps, T) =>
  Array.from({ length: steps }, (_, i) => Math.floor((2 * T * (steps - i) + steps) / (2 * steps)));

/**
 * From x_t to x_s along the noise that x0Hat implies; eta is the share of DDPM's noise, 1 is DDPM.
 * @param {Numbers} x_t @param {Numbers} x0Hat @param {number} t @param {number} s
 * @param {NoiseSchedule} schedule @param {Numbers} noise @param {number} eta
 */
export function ddimStep(x_t, x0Hat, t, s, schedule, noise, eta) {
  const [abT, abS] = [alphaBarOf(t, schedule), alphaBarOf(s, schedule)];
  const variance = eta ** 2 * ((1 - abS) / (1 - abT)) * (1 - abT / abS); // Eq. 3.10
  const toEps = Math.sqrt(Math.max(1 - abS - variance, 0));
  return Float64Array.from(x_t, (x, i) => {
    const epsHat = (x - Math.sqrt(abT) * x0Hat[i]) / Math.sqrt(1 - abT);
    return Math.sqrt(abS) * x0Hat[i] + toEps * epsHat + Math.sqrt(variance) * noise[i]; // Eq. 3.11
  });
}

/**
 * Yields each [t, x_t], the last with t = 0.
 * @param {(x_t: Numbers, t: number) => Numbers} model predicts x0
 * @param {Numbers} x_T @param {NoiseSchedule} schedule @param {Generator} generator @param {number} steps @param {number} eta
 * @returns {Iterable<[number, Numbers]>}
 */
export function* ddimSample(model, x_T, schedule, generator, steps, eta) {
  let x_t = x_T;
  for (const [i, t] of times(steps, schedule.length).entries()) {
    yield [t, x_t];
    const noise = eta > 0 ? randn(x_t.length, generator) : x_t; // any will do for 0: it is multiplied by 0
    x_t = ddimStep(x_t, model(x_t, t), t, times(steps, schedule.length)[i + 1] ?? 0, schedule, noise, eta);
  }
  yield [0, x_t];
}
