// @ts-check
/** The frame of every explorer: controls above panels, and a caption below that says in numbers what they show. */
import { element } from "./drawing.js";

/** @typedef {{node: HTMLElement, value: any, input: HTMLInputElement | HTMLSelectElement}} Control */

let controls = 0; // made so far, for their ids

/** @param {string} name @param {any} input @param {...(Node | string)} more @returns {HTMLElement} */
function named(name, input, ...more) {
  input.id = `explorer-control-${++controls}`;
  const label = element("label", { htmlFor: input.id, innerHTML: name });
  return element("div", { className: "control" }, element("div", {}, label, ...more), input);
}

/**
 * Chooses one of a list of values.
 * @template Value
 * @param {string} name @param {Value[]} values @param {Value} value at first @param {(value: Value) => string} say
 */
export function slider(name, values, value, say = String) {
  const input = element("input", { type: "range", min: 0, max: values.length - 1, value: values.indexOf(value) });
  const shown = element("span", { className: "value" });
  const tell = () => {
    shown.textContent = say(values[input.value]);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  input.addEventListener("input", tell);
  tell();
  return {
    node: named(name, input, " ", shown),
    input,
    get value() {
      return values[input.value];
    },
    set value(next) {
      input.value = values.indexOf(next);
      tell();
    },
  };
}

/** @param {string} name @param {string[]} options */
export function select(name, options) {
  const input = element("select", {}, ...options.map((option) => element("option", {}, option)));
  const get = () => input.value;
  return { node: named(name, input), input, get value() { return get(); } }; // prettier-ignore
}

/** @param {string} name */
export function checkbox(name) {
  const input = element("input", { type: "checkbox" });
  return { node: element("label", { className: "control check" }, input, name), input, get value() { return input.checked; } }; // prettier-ignore
}

/** @param {string} name @param {() => void} onclick */
export const button = (name, onclick) => element("button", { type: "button", onclick, className: "control" }, name);

export class Explorer {
  /**
   * Fills the place that the page has for it, and hides the line or the picture that stood in for it.
   * @param {string} name of the function in `t2v_helpers.figures` @param {string} title
   * @param {Record<string, Control>} controls
   * @param {(values: any) => string} draw draws the panels for the values of the controls, and returns the caption's HTML
   * @param {Node[]} panels @param {Node[]} buttons
   */
  constructor(name, title, controls, draw, panels, buttons = []) {
    this.controls = controls;
    this.draw = draw;
    this.caption = element("p", { className: "caption" });
    this.caption.setAttribute("aria-live", "polite");
    const nodes = Object.values(controls).map(({ node, input }) => {
      input.addEventListener("input", () => this.refresh());
      return node;
    });
    const place = /** @type {HTMLElement} */ (document.querySelector(`[data-explorer="${name}"]`));
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", `Explorer: ${title}`);
    this.refresh();
    place.replaceChildren(
      element("p", { className: "title" }, `Explore: ${title}`),
      element("div", { className: "controls" }, ...nodes, ...buttons),
      element("div", { className: "panels" }, ...panels),
      this.caption,
    );
    const mine = place.closest(".output");
    const all = /** @type {Iterable<any>} */ (mine?.parentElement?.children ?? []);
    for (const other of all) if (other !== mine) other.hidden = true;
  }

  refresh() {
    const values = Object.entries(this.controls).map(([name, { value }]) => [name, value]);
    this.caption.innerHTML = this.draw(Object.fromEntries(values));
  }
}

/** To so many digits, without zeros at the end. @param {number} value */
export const digits = (value, count = 2) => String(Number(value.toPrecision(count)));
