// Figures with their intervals, as text and as a small drawing.

import { make, percent } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg", WIDTH = 120, HEIGHT = 14;
export const NOTHING = "–";

const drawn = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

// A line from low to high with a dot at the value, on a scale from `from` to 1.
export function intervalPicture(value, low, high, from = 0) {
  const x = (each) => 4 + ((Math.min(Math.max(each, from), 1) - from) / (1 - from)) * (WIDTH - 8), y = HEIGHT / 2;
  const picture = drawn("svg", { class: "interval", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" });
  picture.append(drawn("line", { class: "scale", x1: x(from), x2: x(1), y1: y, y2: y }));
  if (from < 0) picture.append(drawn("line", { class: "zero", x1: x(0), x2: x(0), y1: 2, y2: HEIGHT - 2 }));
  if (low !== null && high !== null) picture.append(drawn("line", { class: "range", x1: x(low), x2: x(high), y1: y, y2: y }));
  picture.append(drawn("circle", { cx: x(value), cy: y, r: 4 }));
  return picture;
}

export const decimals = (value) => (value === null || value === undefined ? NOTHING : value.toFixed(2));

// A share with its interval and what it was counted from.
export function shareCell(figure) {
  if (!figure || figure.share === null) return make("td", { className: "figure", textContent: NOTHING });
  return make("td", { className: "figure" }, intervalPicture(figure.share, figure.low, figure.high),
    make("b", { textContent: percent(figure.share) }), " ",
    make("span", { className: "hint", textContent: `${percent(figure.low)} to ${percent(figure.high)}, ${figure.right} of ${figure.count}` }));
}

export function alphaCell(alpha) {
  if (!alpha || alpha.value === null) return make("td", { className: "figure", textContent: NOTHING });
  const range = alpha.low === null ? "" : `${decimals(alpha.low)} to ${decimals(alpha.high)}`;
  return make("td", { className: "figure" }, intervalPicture(alpha.value, alpha.low, alpha.high, -0.2),
    make("b", { textContent: decimals(alpha.value) }), " ", make("span", { className: "hint", textContent: range }));
}

export function table(caption, heads, rows, none = "Nothing to show yet.") {
  if (!rows.length) return make("p", { className: "hint", textContent: none });
  return make("div", { className: "scroller", tabIndex: 0, role: "region", "aria-label": caption }, make("table", {},
    make("caption", { className: "heard", textContent: caption }),
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", textContent: head })))),
    make("tbody", {}, ...rows)));
}

export const cell = (text, className = "") => make("td", { className, textContent: text ?? NOTHING });
export const head = (text, note = null) => make("th", { scope: "row" }, make("bdi", { textContent: text }), note);

// Verdicts a day as bars; the numbers stand in the table below.
export function bars(days) {
  const shown = days.slice(-30), most = Math.max(1, ...shown.map((day) => day.verdicts)), step = 22;
  const picture = drawn("svg", { class: "bars", viewBox: `0 0 ${shown.length * step} 64`, width: shown.length * step, height: 64, "aria-hidden": "true" });
  shown.forEach((day, at) => {
    const height = Math.max(2, (day.verdicts / most) * 60);
    const bar = drawn("rect", { x: at * step + 2, y: 64 - height, width: step - 4, height, rx: 2 });
    bar.append(drawn("title", {}));
    bar.firstChild.textContent = `${day.day}: ${day.verdicts}`;
    picture.append(bar);
  });
  return picture;
}
