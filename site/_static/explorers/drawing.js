// @ts-check
/** Panels in the style of the notebooks' figures: curves, dots and labels as SVG, pictures on a canvas. */

/** @typedef {{x: (value: number) => number, y: (value: number) => number}} Scale from values to places in the drawing */
/** @typedef {(scale: Scale) => Node} Mark */
/** @typedef {[number, number]} Range */

/** @param {string} tag @param {Record<string, any>} properties @param {...(Node | string)} children @returns {any} */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** @param {string} tag @param {Record<string, string | number>} attributes @param {...(Node | string)} children */
function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

const place = (/** @type {number} */ value) => value.toFixed(2);

/** A panel with a name above it. */
class Named {
  /** @param {string} name @param {any} drawing */
  constructor(name, drawing) {
    this.drawing = drawing;
    const shown = element("div", { className: "name", innerHTML: name });
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", shown.textContent);
    this.node = element("div", { className: "panel" }, shown, drawing);
  }
}

/** Axes; draw() replaces what they show. */
export class Axes extends Named {
  /**
   * @param {string} name
   * @param {{x: Range, y: Range, xticks: number[], yticks: number[], size?: Range, xlabel?: string,
   *   say?: (value: number) => string}} look `say` labels the ticks of y
   */
  constructor(name, { x, y, xticks, yticks, size: [width, height] = [200, 200], xlabel = "", say = String }) {
    const [left, right, top, bottom] = [xlabel ? 38 : 18, 12, 6, xlabel ? 34 : 20];
    const [w, h] = [width - left - right, height - top - bottom];
    super(name, svg("svg", { viewBox: `0 0 ${width} ${height}` }));
    this.scale = {
      x: (/** @type {number} */ value) => (w * (value - x[0])) / (x[1] - x[0]),
      y: (/** @type {number} */ value) => (h * (y[1] - value)) / (y[1] - y[0]),
    };
    const marks = { x: left, y: top, width: w, height: h, class: "marks" }; // what lies outside is cut off
    this.marks = svg("svg", marks);
    for (const tick of xticks) {
      const at = left + this.scale.x(tick);
      this.drawing.append(
        svg("line", { x1: at, x2: at, y1: top, y2: top + h, class: "grid" }),
        svg("text", { x: at, y: top + h + 15, "text-anchor": "middle" }, minus(tick)),
      );
    }
    for (const tick of yticks) {
      const at = top + this.scale.y(tick);
      this.drawing.append(
        svg("line", { x1: left, x2: left + w, y1: at, y2: at, class: "grid" }),
        svg("text", { x: left - 4, y: at + 4, "text-anchor": "end" }, minus(say(tick))),
      );
    }
    this.drawing.append(
      svg("path", { d: `M${left},${top}V${top + h}H${left + w}`, class: "axes" }),
      svg("text", { x: left + w / 2, y: height - 4, "text-anchor": "middle" }, xlabel),
      this.marks,
    );
  }

  /** @param {...Mark} marks */
  draw(...marks) {
    this.marks.replaceChildren(...marks.map((mark) => mark(this.scale)));
  }
}

const minus = (/** @type {string | number} */ value) => String(value).replace("-", "−");

/** @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {string} role names its colour @returns {Mark} */
export const curve = (xs, ys, role) => ({ x, y }) => {
  const points = Array.from(xs, (each, i) => `${place(x(each))},${place(y(ys[i]))}`);
  return svg("path", { d: `M${points.join("L")}`, class: `curve ${role}` });
};

/** @param {ArrayLike<number>} points [x, y, x, y, ...] @param {string} role @param {number} size in pixels @returns {Mark} */
export const dots = (points, role, size) => ({ x, y }) => {
  let d = "";
  for (let i = 0; i < points.length; i += 2) d += `M${place(x(points[i]))},${place(y(points[i + 1]))}h0`;
  return svg("path", { d, class: `dots ${role}`, "stroke-width": size });
};

/** @param {ArrayLike<number>} points @returns {Mark} */
export const crosses = (points) => ({ x, y }) => {
  let d = "";
  for (let i = 0; i < points.length; i += 2) d += `M${place(x(points[i]) - 5)},${place(y(points[i + 1]))}h10m-5,-5v10`;
  return svg("path", { d, class: "crosses" });
};

/** @param {number} at @param {number} height @param {string} text @param {string} role @param {object} more @returns {Mark} */
export const label = (at, height, text, role, more = {}) => ({ x, y }) =>
  svg("text", { x: x(at), y: y(height), class: `label ${role}`, ...more }, text);

/** A picture whose pixels fill the range of the axes that it is drawn in. @param {HTMLCanvasElement} canvas @param {Range} range @returns {Mark} */
export const ground = (canvas, range) => ({ x, y }) => {
  const [left, top] = [x(range[0]), y(range[1])];
  const size = { x: left, y: top, width: x(range[1]) - left, height: y(range[0]) - top };
  return svg("image", { ...size, href: canvas.toDataURL(), preserveAspectRatio: "none" });
};

/** @param {HTMLCanvasElement} canvas square @param {number} side in pixels @param {(i: number) => number[]} color of pixel i, RGBA from 0 to 1 */
export function paint(canvas, side, color) {
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) image.data.set(color(i).map((each) => 255 * each), 4 * i);
  [canvas.width, canvas.height] = [side, side];
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
}

/** A picture of square pixels. */
export class Picture extends Named {
  /** @param {string} name */
  constructor(name) {
    super(name, element("canvas"));
  }

  /** @param {number} side @param {(i: number) => number[]} color */
  draw(side, color) {
    paint(this.drawing, side, color);
  }
}
