// @ts-check
/** A GAN's two losses and one round of its training, by the formulas of `t2v_helpers/gan.py`. */
import { sigmoid } from "./mlp.js";
/** @typedef {import("./mlp.js").MLP} MLP */

const softplus = (/** @type {number} */ x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const mean = (/** @type {Float64Array} */ values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Adam as torch has it (Kingma & Ba 2015). */
export class Adam {
  /** @param {Float64Array[]} parameters @param {number} rate @param {[number, number]} betas @param {number} eps */
  constructor(parameters, rate, betas, eps = 1e-8) {
    this.parameters = parameters;
    this.rate = rate;
    this.betas = betas;
    this.eps = eps;
    this.steps = 0;
    this.first = parameters.map((each) => new Float64Array(each.length)); // running means of g and g²
    this.second = parameters.map((each) => new Float64Array(each.length));
  }

  /** @param {Float64Array[]} gradients */
  step(gradients) {
    const [b1, b2] = this.betas;
    this.steps += 1;
    const [scale1, scale2] = [1 - b1 ** this.steps, Math.sqrt(1 - b2 ** this.steps)];
    this.parameters.forEach((values, p) => {
      const [first, second] = [this.first[p], this.second[p]];
      for (let i = 0; i < values.length; i++) {
        const g = gradients[p][i];
        first[i] = b1 * first[i] + (1 - b1) * g;
        second[i] = b2 * second[i] + (1 - b2) * g * g;
        values[i] -= ((this.rate / scale1) * first[i]) / (Math.sqrt(second[i]) / scale2 + this.eps);
      }
    });
  }
}

/**
 * One round: the discriminator learns from x and G(z), then the generator from G(zNext), by the non-saturating losses.
 * @param {MLP} generator @param {MLP} discriminator @param {[Adam, Adam]} optimizers
 * @param {Float64Array} x data @param {Float64Array} z noise @param {Float64Array} zNext noise
 * @param {number} gamma weight of the R1 penalty
 * @returns {[number, number]} the losses before their own update, without the penalty
 */
export function alternatingStep(generator, discriminator, optimizers, x, z, zNext, gamma = 0) {
  const gradients = discriminator.zeros();
  const real = discriminator.trace(x);
  const fake = discriminator.trace(generator.forward(z));
  const n = real.out.length;
  const dLoss = mean(real.out.map((logit) => softplus(-logit))) + mean(fake.out.map(softplus)); // Eq. 1.3
  discriminator.backward(real, real.out.map((logit) => -sigmoid(-logit) / n), gradients);
  discriminator.backward(fake, fake.out.map((logit) => sigmoid(logit) / n), gradients);
  if (gamma > 0) discriminator.penalize(real, gamma / n, gradients); // Eq. 1.13
  optimizers[1].step(gradients);

  const made = generator.trace(zNext);
  const judged = discriminator.trace(made.out);
  const gLoss = mean(judged.out.map((logit) => softplus(-logit))); // Eq. 1.7
  const dMade = discriminator.backward(judged, judged.out.map((logit) => -sigmoid(-logit) / n));
  const dGenerator = generator.zeros();
  generator.backward(made, dMade, dGenerator);
  optimizers[0].step(dGenerator);
  return [dLoss, gLoss];
}
