// The table of models: the same numbers as the charts, for those who read or listen.

import { figureKey, messages } from "./store.js";
import { swatch } from "./charts.js";

export const NOTHING = "\u2013";
const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const points = (value) => value.toFixed(2);
const seconds = (value) => `${(value / 1000).toFixed(1)} s`;

export function interval(figure, form) {
  if (figure?.value == null) return [NOTHING, ""];
  const range = figure.low == null ? "" : `${form(figure.low)} to ${form(figure.high)}`;
  return [form(figure.value), range];
}

function cell(label, [main, sub], votes) {
  const td = document.createElement("td");
  td.dataset.label = label;
  td.textContent = main;
  const small = [sub, votes].filter(Boolean).join(", ");
  if (small && main !== NOTHING) {
    const span = document.createElement("span");
    span.className = "sub";
    span.textContent = small;
    td.append(span);
  }
  return td;
}

export function fillTable(body, entries, choice, onToggle) {
  const focused = document.activeElement?.dataset?.series;
  body.replaceChildren(...entries.slice(0, 30).map((entry) => row(entry, choice, onToggle)));
  if (focused) [...body.querySelectorAll("input")].find((i) => i.dataset.series === focused)?.focus();
}

function row(entry, choice, onToggle) {
  const f = (name, more = {}) => entry.figures.get(figureKey({ name, ...more }));
  const voted = (figure, unit) => figure?.count ? `${figure.count.toLocaleString("en")} ${unit}` : "";
  const satisfaction = f("satisfaction", choice.scale), judged = { rater_kind: choice.judge, level: "message" };
  const accuracy = f("accuracy", judged), precision = f("precision", judged);
  const p50 = f("response_latency_ms_p50"), p95 = f("response_latency_ms_p95");
  const tr = document.createElement("tr");
  tr.append(
    head(entry, onToggle),
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

function head(entry, onToggle) {
  const th = document.createElement("th"), label = document.createElement("label");
  th.scope = "row";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = !entry.hidden;
  box.dataset.series = entry.key;
  box.setAttribute("aria-label", `Show ${entry.name} in the charts`);
  box.addEventListener("change", () => onToggle(entry, !box.checked));
  const text = document.createElement("span");
  text.textContent = entry.name;
  const sub = document.createElement("span");
  sub.className = "sub";
  sub.textContent = entry.application;
  text.append(sub);
  label.append(box, swatch(entry.colour), text);
  th.append(label);
  return th;
}
