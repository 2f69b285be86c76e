// @ts-check
/** The MLP of `t2v_helpers/toys.py`, with the gradients that torch would compute: same seed, same weights. */
/** @typedef {import("../playground/random.js").Generator} Generator */

export const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

/** SiLU, its slope and its bend, the second derivative, of each h. @param {Float64Array} h */
function silu(h) {
  const [value, slope, bend] = [0, 0, 0].map(() => new Float64Array(h.length));
  for (let i = 0; i < h.length; i++) {
    const s = sigmoid(h[i]);
    value[i] = h[i] * s;
    slope[i] = s * (1 + h[i] * (1 - s));
    bend[i] = s * (1 - s) * (2 + h[i] * (1 - 2 * s));
  }
  return { value, slope, bend };
}

/** One linear layer, weight (a, b), and what runs through it, row by row. Everything is added to what is there. */
class Linear {
  /** @param {Float64Array} weight @param {Float64Array} bias */
  constructor(weight, bias) {
    this.weight = weight;
    this.bias = bias;
    this.a = weight.length / bias.length;
    this.b = bias.length;
  }

  /** @param {Float64Array} x (n, a) @param {boolean} withBias @returns {Float64Array} (n, b) */
  forward(x, withBias = true) {
    const { weight, bias, a, b } = this;
    const out = new Float64Array((x.length / a) * b);
    for (let row = 0, k = 0; row < out.length; row += b) {
      if (withBias) for (let j = 0; j < b; j++) out[row + j] = bias[j];
      for (let i = 0; i < a * b; i += b, k++) {
        const each = x[k];
        for (let j = 0; j < b; j++) out[row + j] += each * weight[i + j];
      }
    }
    return out;
  }

  /** @param {Float64Array} d the loss's gradient with respect to what comes out @returns {Float64Array} to what goes in */
  backward(d) {
    const { weight, a, b } = this;
    const back = new Float64Array((d.length / b) * a);
    for (let row = 0, k = 0; row < d.length; row += b) {
      for (let i = 0; i < a * b; i += b, k++) {
        let sum = 0;
        for (let j = 0; j < b; j++) sum += d[row + j] * weight[i + j];
        back[k] = sum;
      }
    }
    return back;
  }

  /** Adds the gradient with respect to the weight to `into`. @param {Float64Array} x @param {Float64Array} d @param {Float64Array} into */
  accumulate(x, d, into) {
    const { a, b } = this;
    for (let row = 0, k = 0; row < d.length; row += b) {
      for (let i = 0; i < a * b; i += b, k++) {
        const each = x[k];
        for (let j = 0; j < b; j++) into[i + j] += each * d[row + j];
      }
    }
  }
}

/** @typedef {ReturnType<MLP["trace"]>} Trace */

export class MLP {
  /**
   * Linear layers with SiLU between them.
   * @param {number[]} sizes (in, hidden, ..., out)
   * @param {Generator} generator draws the weights of all copies, in torch's order
   * @param {number} copies how many networks are drawn @param {number} copy which of them this is
   */
  constructor(sizes, generator, copies = 1, copy = 0) {
    /** @type {Float64Array[]} weight and bias of each layer, in turn */
    this.parameters = [];
    for (let l = 0; l + 1 < sizes.length; l++) {
      for (const size of [sizes[l] * sizes[l + 1], sizes[l + 1]]) {
        const drawn = Float64Array.from({ length: copies * size }, () => generator.uniform() * 2 - 1);
        this.parameters.push(drawn.slice(copy * size, (copy + 1) * size).map((u) => u / Math.sqrt(sizes[l])));
      }
    }
    this.layers = sizes.slice(1).map((_, l) => new Linear(this.parameters[2 * l], this.parameters[2 * l + 1]));
  }

  /** Zeros in the parameters' shapes, to add gradients to. */
  zeros() {
    return this.parameters.map((each) => new Float64Array(each.length));
  }

  /** What goes into each layer, and the SiLU of what comes out. @param {Float64Array} x (n, in) */
  trace(x) {
    const inputs = [x];
    const silus = [];
    for (const layer of this.layers.slice(0, -1)) {
      silus.push(silu(layer.forward(inputs[inputs.length - 1])));
      inputs.push(silus[silus.length - 1].value);
    }
    return { inputs, silus, out: this.layers[silus.length].forward(inputs[silus.length]) };
  }

  /** @param {Float64Array} x (n, in) @returns {Float64Array} (n, out) */
  forward(x) {
    return this.trace(x).out;
  }

  /**
   * Returns a loss's gradient with respect to x; adds those with respect to the parameters to `into`, if it is given.
   * @param {Trace} trace @param {Float64Array} dOut its gradient with respect to the output @param {Float64Array[]} [into]
   */
  backward({ inputs, silus }, dOut, into) {
    let d = dOut;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      if (into) addGradients(this.layers[l], inputs[l], d, into, l);
      d = this.layers[l].backward(d);
      if (l > 0) for (let i = 0; i < d.length; i++) d[i] *= silus[l - 1].slope[i];
    }
    return d;
  }

  /**
   * Adds the gradients of scale / 2 · sum |dx|² to `into`; dx is the output's gradient with respect to x.
   *
   * They are those of scale · sum (how fast the output changes as x moves along dx), if that dx is held fixed. So the
   * motion is carried forward through the layers, and both it and the values go back.
   * @param {Trace} trace of a network with one output @param {number} scale @param {Float64Array[]} into
   */
  penalize(trace, scale, into) {
    const { inputs, silus, out } = trace;
    const motions = [this.backward(trace, new Float64Array(out.length).fill(1))]; // of what goes into each layer
    const before = []; // and of what comes out, before the SiLU
    for (const [l, layer] of this.layers.slice(0, -1).entries()) {
      before.push(layer.forward(motions[l], false));
      motions.push(before[l].map((motion, i) => silus[l].slope[i] * motion));
    }
    let dMotion = /** @type {Float64Array} */ (new Float64Array(out.length).fill(scale));
    let d = /** @type {Float64Array} */ (new Float64Array(out.length));
    for (let l = this.layers.length - 1; l >= 0; l--) {
      this.layers[l].accumulate(motions[l], dMotion, into[2 * l]);
      addGradients(this.layers[l], inputs[l], d, into, l);
      if (l === 0) return;
      [dMotion, d] = [this.layers[l].backward(dMotion), this.layers[l].backward(d)];
      const { slope, bend } = silus[l - 1];
      for (let i = 0; i < d.length; i++) {
        d[i] = d[i] * slope[i] + dMotion[i] * bend[i] * before[l - 1][i];
        dMotion[i] *= slope[i];
      }
    }
  }
}

/** @param {Linear} layer @param {Float64Array} x @param {Float64Array} d @param {Float64Array[]} into @param {number} l */
function addGradients(layer, x, d, into, l) {
  layer.accumulate(x, d, into[2 * l]);
  const bias = into[2 * l + 1];
  for (let row = 0; row < d.length; row += layer.b) for (let j = 0; j < layer.b; j++) bias[j] += d[row + j];
}
