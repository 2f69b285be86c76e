// @ts-check
/**
 * Explore a GAN's training: train one of notebook 01's three GANs in this tab, slide through its rounds, add friction.
 *
 * In Jupyter the explorer plays back what the notebook has just trained. Here nothing has been trained yet, so the page
 * trains: with the notebook's data, weights, batches and settings, which come from the same random numbers.
 */
import { Generator, randn } from "../playground/random.js";
import { Axes, curve, dots, ground, label, paint } from "./drawing.js";
import { Explorer, button, digits, select, slider } from "./explorer.js";
import { Adam, alternatingStep } from "./gan.js";
import { MLP, sigmoid } from "./mlp.js";
import { energyDistance, randint, ring } from "./toys.js";

const [COPIES, BATCH, ROUNDS, RATE, EVERY] = [3, 128, 960, 2e-3, 20];
const [GRID, TOYS, SHOWN] = [40, 1.5, 500]; // the map of D, how far it reaches, points that are drawn
const SLICE = 25; // milliseconds of training between two frames
const data = ring(3000, new Generator(0));
const shown = data.slice(0, 2 * SHOWN);
const line = Array.from({ length: GRID }, (_, i) => TOYS * ((2 * i) / (GRID - 1) - 1));
const plane = Float64Array.from(line.toReversed().flatMap((y) => line.flatMap((x) => [x, y]))); // as a picture's rows
const floor = energyDistance(shown, data.slice(2 * SHOWN, 4 * SHOWN));
const z_fixed = Float64Array.from(randn(2 * SHOWN, 1));

/** One GAN, and what it was like every `EVERY` rounds. */
export class Training {
  /** @param {number} copy which of the GANs that the notebook trains side by side @param {number} gamma of the R1 penalty */
  constructor(copy, gamma) {
    this.copy = copy;
    this.gamma = gamma;
    this.round = 0;
    this.generator = new Generator(0);
    this.G = new MLP([2, 64, 64, 2], this.generator, COPIES, copy);
    this.D = new MLP([2, 64, 64, 1], this.generator, COPIES, copy);
    // The notebook's loss is the mean over all copies, a third of ours. To Adam that is the same as three times the eps.
    const adam = (/** @type {MLP} */ net) => new Adam(net.parameters, RATE, [0.5, 0.9], COPIES * 1e-8);
    this.optimizers = /** @type {[Adam, Adam]} */ ([adam(this.G), adam(this.D)]);
    this.snapshots = [this.snapshot()];
  }

  /** The draws of all copies, of which this one takes its own. */
  batch() {
    const rows = randint(data.length / 2, COPIES * BATCH, this.generator).slice(this.copy * BATCH, (this.copy + 1) * BATCH);
    const noise = Float64Array.from(randn(4 * COPIES * BATCH, this.generator));
    const z = (/** @type {number} */ turn) => noise.slice(2 * BATCH * (turn * COPIES + this.copy)).slice(0, 2 * BATCH);
    return [Float64Array.from(rows.flatMap((row) => [data[2 * row], data[2 * row + 1]])), z(0), z(1)];
  }

  step() {
    const [x, z, zNext] = this.batch();
    alternatingStep(this.G, this.D, this.optimizers, x, z, zNext, this.gamma);
    this.round += 1;
    if (this.round % EVERY === 0) this.snapshots.push(this.snapshot());
  }

  snapshot() {
    const x = this.G.forward(z_fixed);
    return { x, D: this.D.forward(plane).map(sigmoid), distance: energyDistance(x, shown) };
  }
}

/** Mean over both coordinates of the standard deviation. @param {Float64Array} x */
function spread(x) {
  const [sums, squares] = [[0, 0], [0, 0]];
  x.forEach((each, i) => {
    sums[i % 2] += each;
    squares[i % 2] += each * each;
  });
  const n = x.length / 2;
  return [0, 1].reduce((sum, c) => sum + Math.sqrt((squares[c] - sums[c] ** 2 / n) / (n - 1)) / 2, 0);
}

const key = `<span class="behind">● data</span> <span class="gan">● generated</span>`;
const game = new Axes(key, { x: [-TOYS, TOYS], y: [-TOYS, TOYS], xticks: [-1, 0, 1], yticks: [-1, 0, 1], size: [310, 310] });
const distances = new Axes("energy distance to the data, by round", {
  x: [0, ROUNDS], y: [-3.2, 0.5], xticks: [0, 240, 480, 720, 960], yticks: [-3, -2, -1, 0], size: [310, 310], xlabel: "round", say: (power) => String(10 ** power),
}); // prettier-ignore
const canvas = document.createElement("canvas");

const controls = {
  round: slider("round", Array.from({ length: ROUNDS / EVERY + 1 }, (_, i) => EVERY * i), 0),
  gan: select("GAN", ["0", "1", "2"]),
  gamma: slider("friction: R1 penalty, <i>γ</i>", [0, 0.02, 0.05, 0.1, 0.2, 0.5, 1], 0),
};

let training = new Training(0, 0);
let target = 0; // the round to train to
let busy = false;
let following = false; // whether the slider follows the training

/** @param {{round: number, gan: string, gamma: number}} values */
function draw({ round, gan, gamma }) {
  if (training.copy !== Number(gan) || training.gamma !== gamma) training = new Training(Number(gan), gamma);
  if (round > training.round) train(following ? ROUNDS : round);
  const at = Math.min(round / EVERY, training.snapshots.length - 1);
  const { x, D, distance } = training.snapshots[at];
  paint(canvas, GRID, (i) => {
    const sure = Math.min(Math.abs(D[i] - 0.5) / 0.2, 1);
    return [...(D[i] > 0.5 ? [0.84, 0.38, 0.3] : [0.26, 0.58, 0.76]), 0.75 * sure];
  });
  const reach = TOYS * (1 + 1 / (GRID - 1)); // the outermost pixels have their middle at the edge
  game.draw(ground(canvas, [-reach, reach]), dots(shown, "behind", 3), dots(x, "halo", 6), dots(x, "gan", 4));
  const rounds = training.snapshots.map((_, i) => EVERY * i);
  const logs = training.snapshots.map((each) => Math.log10(each.distance));
  const dy = logs[at] < logs[at - 1] ? 18 : -10; // where the curve isn't
  const anchor = at < 3 ? "start" : at > 43 ? "end" : "middle";
  distances.draw(
    curve([0, ROUNDS], [floor, floor].map(Math.log10), "level"),
    label(ROUNDS, Math.log10(floor), "other points of the data", "faint", { dy: -5, "text-anchor": "end" }),
    curve(rounds, logs, "gan"),
    dots([rounds[at], logs[at]], "gan", 9),
    label(rounds[at], logs[at], digits(distance), "gan", { dy, "text-anchor": anchor }),
  );
  const mean = D.reduce((a, b) => a + b) / D.length;
  return `GAN ${gan}, round <b>${EVERY * at}</b> of ${ROUNDS}${busy ? ", training …" : ""}. <b class="red">Red</b> ground: <i>D</i> takes
    it for data; <b class="blue">blue</b>: for generated. On average <i>D</i> is <b>${mean.toFixed(2)}</b> here.
    Spread: generated <b class="gan">${spread(x).toFixed(2)}</b>, data ${spread(shown).toFixed(2)}.
    Energy distance: <b class="gan">${digits(distance)}</b>.`;
}

/** Trains to a round, a slice of time in each frame. @param {number} round */
function train(round) {
  target = round;
  if (!busy) requestAnimationFrame(slice);
  busy = true;
}

function slice() {
  const [began, known] = [performance.now(), training.snapshots.length];
  while (training.round < target && performance.now() - began < SLICE) training.step();
  busy = training.round < target;
  toggle.textContent = busy ? "Pause" : "Train";
  explorer.caption.setAttribute("aria-busy", String(busy)); // and is not read out at every change
  if (training.snapshots.length > known || !busy) {
    if (following) controls.round.value = EVERY * (training.snapshots.length - 1);
    explorer.refresh();
  }
  if (busy) requestAnimationFrame(slice);
}

const toggle = button("Train", () => {
  if (!busy && training.round === ROUNDS) training = new Training(training.copy, training.gamma); // once more
  following = !busy;
  if (busy) controls.round.value = EVERY * (training.snapshots.length - 1);
  train(busy ? training.round : ROUNDS);
});
controls.round.input.addEventListener("input", () => {
  following = false;
  target = Math.max(controls.round.value, training.round);
});
const explorer = new Explorer("training_explorer", "a GAN’s training", controls, draw, [game.node, distances.node], [toggle]);
