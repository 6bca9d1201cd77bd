// The table of models. It has the same numbers as the charts, for people who read or use a screen reader.

import { swatch } from "./colours.js";
import { nameElement, safe } from "./names.js";
import { figureKey, messages } from "./store.js";

export const NOTHING = "\u2013";
const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const points = (value) => value.toFixed(2);
const seconds = (value) => `${(value / 1000).toFixed(1)} s`;

export function interval(figure, form) {
  if (figure?.value == null) return [NOTHING, ""];
  const range = figure.low == null ? "" : `${form(figure.low)} to ${form(figure.high)}`;
  return [form(figure.value), range];
}

export function cell(label, [main, sub], votes) {
  const td = document.createElement("td");
  td.dataset.label = label;
  td.textContent = main;
  const parts = [sub && votes ? `${sub},` : sub, votes].filter(Boolean);
  if (parts.length && main !== NOTHING) {
    const small = document.createElement("span");
    small.className = "sub";
    for (const text of parts) small.append(Object.assign(document.createElement("span"), { textContent: text }), " ");
    td.append(small);
  }
  return td;
}

/** The first cell of a row that is not a model's: a name that can be opened, and what it is about below. */
export function nameCell({ name, key, whole }, about, onToggle, description) {
  const th = document.createElement("th"), names = document.createElement("span"), sub = document.createElement("bdi");
  th.scope = "row";
  names.className = "names";
  names.append(nameElement({ name, key, whole }, onToggle));
  sub.className = "sub name";
  sub.dir = "auto";
  sub.textContent = sub.title = about;
  names.append(sub);
  if (description) names.title = safe(description);
  th.append(names);
  return th;
}

/** The cell that says which model a row is of. */
export function modelCell(entry) {
  const td = document.createElement("td"), line = document.createElement("div"), name = document.createElement("bdi");
  td.dataset.label = "Model";
  td.className = "of";
  line.className = "model";
  name.className = "name";
  name.dir = "auto";
  name.textContent = name.title = entry.name;
  line.append(swatch(entry.colour), name);
  td.append(line);
  return td;
}

/** Put rows in place of others; the keyboard focus stays on the row that has it. */
export function replaceRows(body, rows) {
  const focused = document.activeElement?.dataset.series;
  body.replaceChildren(...rows);
  if (focused != null) [...body.querySelectorAll("[data-series]")].find((one) => one.dataset.series === focused)?.focus();
}

/** Fill the table with a row for each entry. `on` has the callbacks `pick(entry, shown)` and `expand(entry)`. */
export function fillTable(body, entries, charted, choice, on) {
  const focused = document.activeElement?.dataset ?? {};
  body.replaceChildren(...entries.map((entry) => row(entry, charted.includes(entry), choice, on)));
  // The rows are new elements: the keyboard focus moves to the one that replaced the focused one.
  if (focused.series == null) return;
  const same = (place) => place.dataset.series === focused.series && place.dataset.part === focused.part;
  [...body.querySelectorAll("[data-series]")].find(same)?.focus();
}

function row(entry, drawn, choice, on) {
  const f = (name, more = {}) => entry.figures.get(figureKey({ name, ...more }));
  const voted = (figure, unit) => figure?.count ? `${figure.count.toLocaleString("en")} ${unit}` : "";
  const satisfaction = f("satisfaction", choice.scale), judged = { rater_kind: choice.judge, level: "message" };
  const accuracy = f("accuracy", judged), precision = f("precision", judged);
  const p50 = f("response_latency_ms_p50"), p95 = f("response_latency_ms_p95");
  const tr = document.createElement("tr");
  tr.append(
    head(entry, drawn, on),
    cell("Satisfaction", interval(satisfaction, points), voted(satisfaction, "votes")),
    cell("Accuracy", interval(accuracy, percent), voted(accuracy, "judged")),
    cell("Precision", interval(precision, percent), voted(precision, "judged")),
    cell("Coverage", interval(f("coverage"), percent)),
    cell("Ignored", interval(f("ignore_rate"), percent)),
    cell("Latency p50 / p95", [p95?.value == null ? NOTHING : `${seconds(p50.value)} / ${seconds(p95.value)}`, ""]),
    cell("Answers", [messages(entry).toLocaleString("en"), ""]),
  );
  return tr;
}

function head(entry, drawn, on) {
  const th = document.createElement("th"), box = document.createElement("input");
  th.scope = "row";
  box.type = "checkbox";
  box.checked = drawn;
  box.dataset.series = entry.key;
  box.dataset.part = "box";
  box.setAttribute("aria-label", `Show ${entry.name} in the charts`);
  box.addEventListener("change", () => on.pick(entry, box.checked));
  const names = document.createElement("span"), sub = document.createElement("bdi");
  names.className = "names";
  sub.className = "sub name";
  sub.dir = "auto";
  sub.textContent = sub.title = safe(entry.application);
  names.append(nameElement(entry, on.expand), sub);
  const line = document.createElement("div");
  line.className = "model";
  line.append(box, swatch(entry.colour), names);
  th.append(line);
  return th;
}
