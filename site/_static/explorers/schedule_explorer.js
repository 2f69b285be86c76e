// @ts-check
/** Explore noise schedules: family, number of steps T and both ends, with or without zero terminal SNR. */
import { Axes, curve, label } from "./drawing.js";
import { Explorer, checkbox, digits, select, slider } from "./explorer.js";
import { FAMILIES, NoiseSchedule } from "./schedules.js";

const reference = NoiseSchedule.scaledLinear();
const log10 = Math.log10;
/** @type {any} */
const look = { x: [0, 1], xticks: [0, 0.5, 1], size: [210, 180], xlabel: "t / T" };
const powers = (/** @type {number} */ power) => (power > -3 ? String(10 ** power) : `10${"⁻³⁻⁴⁻⁵".slice(-2 * power - 6, -2 * power - 4)}`);
const betas = new Axes("noise of each step, β", { ...look, y: [-5, 0.05], yticks: [-5, -4, -3, -2, -1, 0], say: powers });
const alphaBars = new Axes("signal left, ᾱ", { ...look, y: [-0.02, 1.02], yticks: [0, 0.5, 1] });
const logs = new Axes("log of the SNR", { ...look, y: [-21, 11], yticks: [-20, -10, 0, 10] });

const controls = {
  // Ends as beta_1 T and beta_T T, 0.1 and 20 for DDPM's schedule, so that they hold for every T.
  family: select("family", Object.keys(FAMILIES)),
  T: slider("steps <i>T</i>", [20, 50, 100, 250, 500, 1000], 1000),
  first: slider("first end, <i>β</i><sub>1</sub> <i>T</i>", Array.from({ length: 13 }, (_, i) => 10 ** (i / 4 - 2)), 0.1, digits),
  last: slider("last end, <i>β<sub>T</sub></i> <i>T</i>", Array.from({ length: 60 }, (_, i) => i + 1), 20),
  rescale: checkbox("zero terminal SNR"),
};

/** @param {{family: string, T: number, first: number, last: number, rescale: boolean}} values */
function draw({ family, T, first, last, rescale }) {
  const free = family !== "cosine";
  for (const { input } of [controls.first, controls.last]) input.disabled = !free;
  let schedule = FAMILIES[family](T, free ? { start: first / T, end: Math.min(last / T, 0.999) } : {});
  if (rescale) schedule = schedule.zeroTerminalSnr();
  const both = /** @type {[NoiseSchedule, string][]} */ ([[reference, "reference"], [schedule, "diffusion"]]);
  const curves = (/** @type {(s: NoiseSchedule) => Float64Array} */ of) =>
    both.map(([s, role]) => curve(of(s).map((_, i) => (i + 1) / s.length), of(s), role));
  const [mine, theirs] = [schedule, reference].map((s) => log10(s.betas[Math.round(0.6 * s.length) - 1]));
  const above = mine >= theirs; // the higher curve has its name above it, the lower one below
  betas.draw(
    ...curves((s) => s.betas.map(log10)),
    label(0.6, mine, "yours", "diffusion", { dy: above ? -8 : 16, "text-anchor": "middle" }),
    label(0.6, theirs, "ModelScope’s", "reference", { dy: above ? 16 : -8, "text-anchor": "middle" }),
  );
  alphaBars.draw(...curves((s) => s.alphaBars));
  const even = curve([0, 1], [0, 0], "level");
  logs.draw(even, label(0.98, 0, "noise = signal", "faint", { dy: -5, "text-anchor": "end" }), ...curves((s) => s.snr.map((r) => Math.max(Math.log(r), -99))));
  const [left, end] = [schedule.alphaBars[T - 1], schedule.betas[T - 1]];
  return `${family}, <i>T</i> = ${T}: <i>β</i> from ${digits(schedule.betas[0])} to ${digits(end)}. Left in <i>x<sub>T</sub></i>:
    <b>${(100 * Math.sqrt(left)).toFixed(2)}%</b> of the amplitude, <b>${digits(-0.5 * Math.log1p(-left))}</b> nats per dimension.
    ${free ? "" : "The cosine schedule has no ends to choose."}`;
}

new Explorer("schedule_explorer", "noise schedules", controls, draw, [betas.node, alphaBars.node, logs.node]);
