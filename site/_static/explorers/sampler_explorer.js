// @ts-check
/** Explore samplers with the exact denoiser of eight clusters: steps, eta and schedule. */
import { Generator, randn } from "../playground/random.js";
import { ddimSample, exactDenoiser } from "./diffusion.js";
import { Axes, crosses, curve, dots } from "./drawing.js";
import { Explorer, button, select, slider } from "./explorer.js";
import { FAMILIES } from "./schedules.js";
import { RING_STD, energyDistance, ring, ringCenters } from "./toys.js";

const double = (/** @type {Float64Array} */ x) => x.map((each) => Math.SQRT2 * each); // to variance 1
const centers = double(ringCenters());
const generator = new Generator(0);
const [fresh, other] = [0, 1].map(() => double(ring(250, generator)));
const x_T = randn(500, generator);
const floor = energyDistance(fresh, other);
const schedules = Object.fromEntries(Object.entries(FAMILIES).map(([name, family]) => [name, family(1000)]));

const look = /** @type {any} */ ({ x: [-3, 3], y: [-3, 3], xticks: [-2, 0, 2], yticks: [-2, 0, 2], size: [310, 310] });
const samples = new Axes("250 samples, and the centres of the data", look);
const paths = new Axes("ten of their paths, from ○ to ●", look);

const controls = {
  steps: slider("steps", [1, 2, 3, 4, 6, 8, 12, 16, 24, 32], 4),
  eta: slider("<i>η</i> (0 DDIM, 1 DDPM)", [0, 0.25, 0.5, 0.75, 1], 0),
  schedule: select("schedule", Object.keys(schedules)),
};

/** @type {[number, ArrayLike<number>][]} */
let walk = [];
let playing = 0;

/** @param {{steps: number, eta: number, schedule: string}} values */
function draw({ steps, eta, schedule }) {
  clearTimeout(playing);
  const denoise = exactDenoiser(centers, schedules[schedule], Math.SQRT2 * RING_STD);
  walk = [...ddimSample(denoise, x_T, schedules[schedule], new Generator(0), steps, eta)];
  const x0 = walk[steps][1];
  const ways = Array.from({ length: 10 }, (_, i) => walk.map(([, x]) => [x[2 * i], x[2 * i + 1]]));
  show(steps);
  paths.draw(
    crosses(centers),
    ...ways.flatMap((way, i) => {
      const role = `cycle-${i % 7}`;
      const line = curve(way.map(([x]) => x), way.map(([, y]) => y), `thin ${role}`);
      return [line, dots(way.slice(1).flat(), role, 4), dots(way[0], role, 9), dots(way[0], "hole", 5), dots(way[steps], role, 9)];
    }),
  );
  return `${steps} step${steps > 1 ? "s" : ""}, <i>η</i> = ${eta}, ${schedule}: energy distance to the data
    <b class="diffusion">${energyDistance(x0, fresh).toFixed(3)}</b> (two halves of the data: ${floor.toFixed(3)}).`;
}

/** @param {number} k how many steps have been taken */
function show(k) {
  samples.draw(dots(walk[k][1], k < walk.length - 1 ? "noise" : "diffusion", 4), crosses(centers));
}

/** Shows the samples after each step. @param {number} k */
function play(k) {
  clearTimeout(playing);
  show(k);
  if (k + 1 < walk.length) playing = setTimeout(() => play(k + 1), Math.max(80, 2000 / walk.length));
}

new Explorer("sampler_explorer", "samplers with the exact denoiser", controls, draw, [samples.node, paths.node], [
  button("Play the steps", () => play(0)),
]);
