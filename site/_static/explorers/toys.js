// @ts-check
/** Points in the plane and how far apart they are, as in `t2v_helpers/toys.py` and `measures.py`: same seed, same points. */
import { randn } from "../playground/random.js";
/** @typedef {import("../playground/random.js").Generator} Generator */

export const RING_STD = 0.05;
export const ringCenters = () =>
  Float64Array.from({ length: 16 }, (_, i) => (i % 2 ? Math.sin : Math.cos)((Math.floor(i / 2) * Math.PI) / 4));

/** torch.randint. @param {number} below @param {number} count @param {Generator} generator */
export const randint = (below, count, generator) => Array.from({ length: count }, () => generator.random() % below);

/** Points of eight Gaussians on a circle, [x, y, x, y, ...]. @param {number} n @param {Generator} generator */
export function ring(n, generator) {
  const [centers, which] = [ringCenters(), randint(8, n, generator)];
  return Float64Array.from(randn(2 * n, generator), (z, i) => centers[2 * which[i >> 1] + (i % 2)] + RING_STD * z);
}

/** 2 E|X - Y| - E|X - X'| - E|Y - Y'|. @param {ArrayLike<number>} x @param {ArrayLike<number>} y points of the plane */
export function energyDistance(x, y) {
  const mean = (/** @type {ArrayLike<number>} */ a, /** @type {ArrayLike<number>} */ b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i += 2) {
      for (let j = 0; j < b.length; j += 2) sum += Math.sqrt((a[i] - b[j]) ** 2 + (a[i + 1] - b[j + 1]) ** 2);
    }
    return (4 * sum) / (a.length * b.length);
  };
  return 2 * mean(x, y) - mean(x, x) - mean(y, y);
}
