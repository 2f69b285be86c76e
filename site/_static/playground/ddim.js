// @ts-check
/** DDIM (Song et al. 2021) without noise, and classifier-free guidance, as notebooks 03, 06 and 07 compute them. */

/**
 * The steps that are visited, from noise to clip, counted from 0 as the network counts them: "trailing" spacing.
 * @param {number} count how many
 * @param {number} total how many the model was trained with
 */
export function timesteps(count, total) {
  return Array.from({ length: count }, (_, i) => roundHalfToEven(total - i * (total / count)) - 1);
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

/**
 * What v = √ᾱ ε − √(1−ᾱ) x₀ says of the clean latents and of the noise in x_t (Salimans and Ho 2022).
 * @param {Float32Array} x @param {Float32Array} v @param {number} alphaBar
 */
export function split(x, v, alphaBar) {
  const signal = Math.sqrt(alphaBar);
  const noise = Math.sqrt(1 - alphaBar);
  return { x0: x.map((value, i) => signal * value - noise * v[i]), eps: x.map((value, i) => noise * value + signal * v[i]) };
}

/**
 * x at the step before: the same x₀ and ε in another mixture.
 * @param {Float32Array} x0 @param {Float32Array} eps @param {number} alphaBar of the step before; 1 at the end
 */
export function mix(x0, eps, alphaBar) {
  const signal = Math.sqrt(alphaBar);
  const noise = Math.sqrt(1 - alphaBar);
  return x0.map((value, i) => signal * value + noise * eps[i]);
}
