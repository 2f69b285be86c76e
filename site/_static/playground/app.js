// @ts-check
/** The playground's page: a form, a worker that runs the networks, and what they said at every step. */
import { Player, draw, gif, heat, webm } from "./film.js";
import { scheduler } from "./schedulers.js";

const IDEAS = [
  "a red circle moving left",
  "a yellow triangle growing",
  "a cyan square falling",
  "a purple disc rising",
  "a pink heart bouncing at dusk",
  "a yellow star falling and a blue square moving left at night",
];
// A module with one SIMD instruction: what WebAssembly.validate says of it is whether the browser has them.
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
const FIELDS = ["model", "prompt", "seed", "steps", "guidance", "second"];
const DEFAULTS = ["steps", "guidance"]; // which the model sets, until the reader does
const folder = new URL("./", import.meta.url).href;

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);

/** @param {string} tag @param {Record<string, any>} properties @param {...(Node | string)} children @returns {any} */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Asks the worker, and waits for its answers. */
class Networks {
  constructor() {
    this.waiting = new Map();
    this.asked = 0;
    this.worker = new Worker(`${folder}worker.js`, { type: "module" });
    this.worker.onerror = () => {
      const lost = new Error("A script of the playground could not be loaded. Check the connection, then reload this page.");
      for (const { reject } of this.waiting.values()) reject(lost);
    };
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject, during } = this.waiting.get(data.id);
      if (data.kind === "error") reject(new Error(data.message));
      else if (data.kind === "done" || data.kind === "stopped") resolve(data);
      else during(data);
    };
  }

  /** @param {object} message @param {(data: any) => void} during @returns {Promise<any>} */
  ask(message, during = () => {}) {
    const id = ++this.asked;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, during }));
    this.worker.postMessage({ id, ...message });
    return answer.finally(() => this.waiting.delete(id));
  }
}

/** What a prompt became: the film, and the guess of every step. */
class Card {
  /** @param {any} request @param {any} config @param {Player} player */
  constructor(request, config, player) {
    Object.assign(this, { request, config, player });
    /** @type {(import("./pipeline.js").Step & {button: any})[]} */
    this.steps = [];
    this.screen = element("canvas", { className: "screen" });
    this.screen.setAttribute("role", "img");
    this.screen.setAttribute("aria-label", `The film of “${request.prompt}”`);
    this.guesses = element("div", { className: "guesses" });
    this.latents = element("div", { className: "latents" });
    this.caption = element("p", { className: "caption" });
    this.schedule = drawSchedule(scheduler(config));
    this.actions = element("div", { className: "line" });
    const title = element("h4", {}, "The guess at each step");
    const inside = element("div", {}, title, this.guesses, this.caption, this.latents, this.schedule.node);
    const film = element("div", {}, this.screen, this.actions);
    this.node = element("section", { className: "made" }, element("h3", {}, request.prompt), film, inside);
  }

  /** @param {import("./pipeline.js").Step} step */
  add({ step, moment, x0, frames }) {
    const canvas = element("canvas");
    const button = element("button", { type: "button", onclick: () => this.show(step - 1) }, canvas, moment.label);
    button.setAttribute("aria-label", `The guess at step ${step} of ${this.request.steps}, ${moment.label}`);
    this.guesses.append(button);
    this.steps.push({ step, moment, x0, frames, button });
    this.schedule.visit(moment);
    this.play(step - 1, frames);
    this.show(step - 1);
  }

  /** @param {number} step from 0 @param {Uint8ClampedArray[]} frames of its guess */
  play(step, frames) {
    this.steps[step].frames = frames;
    this.player.play(this.steps[step].button.querySelector("canvas"), frames);
    if (this.shown === step) this.show(step);
  }

  /** @param {number} chosen which step's guess, from 0 */
  show(chosen) {
    this.shown = chosen;
    const { moment, x0, frames } = this.steps[chosen];
    this.steps.forEach(({ button }, i) => button.setAttribute("aria-pressed", String(i === chosen)));
    this.player.play(this.screen, frames);
    const share = `signal ${moment.signal.toFixed(2)}, noise ${moment.noise.toFixed(2)}`;
    const [channels, length, height, width] = this.config.latents;
    this.caption.textContent = `Step ${chosen + 1} of ${this.request.steps}: ${moment.label}, ${share}. Below, the ${channels} channels of its latents.`;
    this.schedule.mark(moment);
    while (this.latents.children.length < channels) this.latents.append(element("canvas"));
    const last = this.config.frames - 1;
    for (let c = 0; c < channels; c++) {
      const maps = Array.from({ length: last + 1 }, (_, frame) => {
        const from = (c * length + Math.ceil((frame * (length - 1)) / last)) * height * width; // one may stand for several
        return heat(x0.subarray(from, from + height * width));
      });
      this.player.play(this.latents.children[c], maps);
    }
  }

  /** @param {Uint8ClampedArray[]} frames the finished film */
  finish(frames) {
    this.play(this.steps.length - 1, frames); // at the last step, the guess is the film
    this.show(this.steps.length - 1);
    const name = this.request.prompt.replaceAll(/\W+/g, "_");
    const { fps } = this.config;
    this.actions.append(
      saver("Save as GIF", `${name}.gif`, () => gif(frames, fps)),
      saver("Save as WebM", `${name}.webm`, () => webm(frames, fps)),
    );
  }
}

/** @param {string} label @param {string} name @param {() => Blob | Promise<Blob>} make */
function saver(label, name, make) {
  const onclick = async () => {
    button.disabled = true;
    try {
      const href = URL.createObjectURL(await make());
      element("a", { href, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
    } catch (error) {
      complain(`${name} could not be written: ${error instanceof Error ? error.message : error}`);
    } finally {
      button.disabled = false;
    }
  };
  const button = element("button", { type: "button", onclick }, label);
  return button;
}

/** The share of signal and of noise at every t. @param {ReturnType<scheduler>} path */
function drawSchedule(path) {
  /** @typedef {import("./schedulers.js").Moment} Moment */
  const curve = path.curve();
  const end = curve[curve.length - 1];
  const [width, height, pad] = [320, 110, 18];
  const x = (/** @type {number} */ t) => pad + ((width - 2 * pad) * t) / end.t;
  const y = (/** @type {number} */ share) => height - pad - (height - 2 * pad) * share;
  const svg = (/** @type {string} */ tag, /** @type {Record<string, any>} */ attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };
  const line = (/** @type {"signal" | "noise"} */ share) =>
    svg("path", { d: `M${curve.map((m) => `${x(m.t).toFixed(1)},${y(m[share]).toFixed(1)}`).join("L")}`, class: share });
  const node = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "schedule", role: "img" });
  node.setAttribute("aria-label", "The noise schedule: signal falls and noise rises with t; visited steps are marked");
  const cursor = svg("line", { y1: y(0), y2: y(1), class: "cursor" });
  node.append(
    cursor,
    line("signal"),
    line("noise"),
    svg("text", { x: x(end.t * 0.12), y: y(1) - 4, class: "signal" }, `signal ${path.symbols[0]}`),
    svg("text", { x: x(end.t) - 70, y: y(1) - 4, class: "noise" }, `noise ${path.symbols[1]}`),
    svg("text", { x: x(0), y: height - 4 }, curve[0].label),
    svg("text", { x: x(end.t) - 36, y: height - 4 }, end.label),
  );
  const visit = (/** @type {Moment} */ { t, signal }) =>
    node.append(svg("circle", { cx: x(t), cy: y(signal), r: 3, class: "visited" }));
  const mark = (/** @type {Moment} */ { t }) => {
    cursor.setAttribute("x1", String(x(t)));
    cursor.setAttribute("x2", String(x(t)));
  };
  return { node, visit, mark };
}

/** @param {string} message one line; "" takes it away */
function complain(message) {
  $("problem").textContent = message;
  $("problem").hidden = !message;
}

/** The form's values. @throws {Error} one line for the reader */
function read() {
  const { prompt, seed, steps, guidance, second } = Object.fromEntries(FIELDS.map((name) => [name, $(name).value.trim()]));
  if (!prompt) throw new Error("The prompt is empty: type a text, such as “a red circle moving left”.");
  if (!/^\d+$/.test(seed) || BigInt(seed) >= 2n ** 63n) {
    throw new Error(`Random seed “${seed}”: expected a whole number from 0, below 2⁶³.`);
  }
  return { prompt, seed, steps: Number(steps), guidance: Number(guidance), second };
}

async function main() {
  const link = new URLSearchParams(location.hash.slice(1));
  for (const name of FIELDS) if (link.has(name)) $(name).value = link.get(name);
  let unset = DEFAULTS.filter((name) => !link.has(name));
  const set = (/** @type {string} */ name, value = $(name).value) => {
    $(name).value = value;
    $(`${name}-value`).value = $(name).value;
    unset = unset.filter((other) => other !== name);
  };
  for (const name of DEFAULTS) {
    $(name).oninput = () => set(name);
    if (link.has(name)) set(name);
  }
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(Uint8Array.from(SIMD))) {
    return complain("This browser has no WebAssembly with SIMD, which the networks need. Any browser since 2023 has it.");
  }
  const networks = new Networks();
  const player = new Player();
  /** @type {Record<string, Promise<any>>} by the model's name, its `model.json` */
  const loaded = {};
  const load = async (/** @type {string} */ model) => {
    const { config } = await networks.ask({ kind: "load", base: folder, model }, (data) => {
      if ($("model").value !== model) return;
      $("bar").value = data.loaded / data.total;
      $("status").textContent = `Loading the networks: ${(data.loaded / 1e6).toFixed(0)} of ${(data.total / 1e6).toFixed(0)} MB`;
    });
    const files = ["model.json", ...Object.keys(config.bytes)].map((name) => `${folder}models/${model}/${name}`);
    keep(files).catch(() => {}); // without it, the next visit needs a connection, as this one did
    return config;
  };
  let run = 0;
  const go = async () => {
    const mine = ++run;
    complain("");
    $("films").dataset.state = "working";
    try {
      const model = $("model").value;
      if (!model) throw new Error("The link names a model that this page does not have. Choose one.");
      const config = await (loaded[model] ??= load(model).catch((error) => {
        delete loaded[model]; // so that the next try loads again
        throw error;
      }));
      if (mine !== run) return;
      player.pace(config.fps);
      for (const name of unset) set(name, config[name]);
      for (const button of $("ideas").children) {
        button.hidden = button.textContent.split(" ").some((/** @type {string} */ word) => !(word in config.vocabulary.words));
      }
      const began = performance.now();
      const { second, ...request } = read();
      history.replaceState(null, "", `#${new URLSearchParams(FIELDS.map((name) => [name, $(name).value]))}`);
      const prompts = second ? [request.prompt, second] : [request.prompt];
      const cards = prompts.map((prompt) => new Card({ ...request, prompt }, config, player));
      $("films").replaceChildren(...cards.map(({ node }) => node));
      const total = prompts.length * request.steps;
      for (const [i, card] of cards.entries()) {
        const answer = await networks.ask({ kind: "make", model, request: card.request }, (data) => {
          if (mine !== run) return;
          card.add(data);
          $("bar").value = (i * request.steps + data.step) / total;
          $("status").textContent = `Step ${data.step} of ${request.steps}`;
        });
        if (mine !== run) return;
        card.finish(answer.frames);
      }
      $("status").textContent = `Made in ${((performance.now() - began) / 1000).toFixed(1)} s`;
      $("films").dataset.state = "done";
      for (const card of cards) {
        for (const [i, step] of card.steps.entries()) {
          if (step.frames.length === config.frames) continue;
          const { frames } = await networks.ask({ kind: "decode", model, latents: step.x0 });
          if (mine !== run) return;
          card.play(i, frames);
        }
      }
    } catch (error) {
      if (mine !== run) return;
      complain(error instanceof Error ? error.message : String(error));
      $("status").textContent = "";
      $("films").dataset.state = "failed";
    }
  };
  $("request").onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go();
  };
  $("model").onchange = () => {
    unset = DEFAULTS;
    go();
  };
  $("dice").onclick = () => {
    $("seed").value = Math.floor(Math.random() * 1e6);
    go();
  };
  for (const idea of IDEAS) {
    const onclick = () => {
      $("prompt").value = idea;
      go();
    };
    $("ideas").append(element("button", { type: "button", onclick }, idea));
  }
  $("go").disabled = false;
  go();
}

/**
 * Have the service worker keep this page and what it loaded, for a visit without a connection.
 * @param {string[]} files of a model
 */
async function keep(files) {
  await navigator.serviceWorker?.register(new URL("../../offline.js", folder));
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const own = loaded.filter((name) => name.startsWith(location.origin));
  active?.postMessage([location.href.split("#")[0], ...own, ...files]);
}

main();
