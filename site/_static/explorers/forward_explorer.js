// @ts-check
/** Explore the forward process: slide t, and watch points, a digit and a frame of a clip become noise. */
import { Generator, randn } from "../playground/random.js";
import { alphaBarOf, qSample } from "./diffusion.js";
import { Axes, Picture, dots } from "./drawing.js";
import { Explorer, digits, select, slider } from "./explorer.js";
import { FAMILIES } from "./schedules.js";
import { ring } from "./toys.js";

const { digit, frame } = await (await fetch(new URL("pictures.json", import.meta.url))).json(); // in [-1, 1]
const generator = new Generator(0);
const data = [ring(600, generator).map((x) => Math.SQRT2 * x), digit, frame];
const noise = data.map(({ length }) => randn(length, generator));
const ofT = Object.entries(FAMILIES).map(([name, family]) => [name, family(1000)]);
const schedules = Object.fromEntries([...ofT, ["zero terminal SNR", FAMILIES["scaled linear"](1000).zeroTerminalSnr()]]);

const points = new Axes("600 points", { x: [-3, 3], y: [-3, 3], xticks: [-2, 0, 2], yticks: [-2, 0, 2] });
const digitPanel = new Picture("a digit");
const framePanel = new Picture("a frame of a clip");

const controls = {
  t: slider("step <i>t</i>", Array.from({ length: 101 }, (_, i) => 10 * i), 200),
  schedule: select("schedule", Object.keys(schedules)),
};

/** @param {{t: number, schedule: string}} values */
function draw({ t, schedule }) {
  const [cloud, digit_t, frame_t] = data.map((x0, i) => qSample(x0, t, schedules[schedule], noise[i]));
  points.draw(dots(cloud, t ? "noise" : "data", 3));
  digitPanel.draw(8, (i) => [...Array(3).fill(digit_t[i] / 3 + 0.5), 1]);
  framePanel.draw(64, (i) => [...frame_t.slice(3 * i, 3 * i + 3).map((/** @type {number} */ x) => x / 2 + 0.5), 1]);
  const left = alphaBarOf(t, schedules[schedule]);
  return `<i>t</i> = ${t} of 1000: <i>x<sub>t</sub></i> = <b class="data">${Math.sqrt(left).toFixed(2)}</b> <i>x</i><sub>0</sub>
    + <b class="noise">${Math.sqrt(1 - left).toFixed(2)}</b> <i>ε</i>.
    Signal-to-noise ratio: <b>${left < 1 ? digits(left / (1 - left)) : "infinite"}</b>.`;
}

new Explorer("forward_explorer", "the forward process", controls, draw, [points.node, digitPanel.node, framePanel.node]);
