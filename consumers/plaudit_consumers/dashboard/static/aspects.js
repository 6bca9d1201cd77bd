// The table of aspects: a row for each aspect, kind of value, rater and model, those with the most votes first.

import { swatch } from "./colours.js";
import { nameElement, safe, shortened } from "./names.js";
import { FIGURE, isAspect, LABEL } from "./store.js";
import { cell, interval, NOTHING } from "./table.js";

const OTHERS = "*";
const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const BETTER = { higher_is_better: "higher", lower_is_better: "lower", neutral: "neither" };

const aspectOf = (figure) => safe(figure.name.slice(FIGURE.length));

const kindOf = (figure) => figure.scale.startsWith(LABEL) ? `label ${safe(figure.scale.slice(LABEL.length))}` : `${figure.scale}s`;

/** What a figure is about besides its aspect, such as "numbers, per message, by users". */
const about = (figure) => `${kindOf(figure)}, per ${figure.level}, by ${figure.rater_kind}s`;
export const choiceOf = (figure) => `${shortened(aspectOf(figure))} (${about(figure)})`;

/** The declaration of a figure's aspect, if the application has one. `declared` is by application and name. */
function declarationOf(declared, application, figure) {
  return (declared[application] ?? declared[OTHERS] ?? {})[figure.name.slice(FIGURE.length)];
}

const wholes = new Set();

/** The rows: one for each figure of an aspect and each entry. */
export function aspectRows(entries) {
  const rows = [];
  for (const entry of entries)
    for (const [key, figure] of entry.figures)
      if (isAspect(figure) && figure.count) rows.push({ key: `${entry.key}\u0000${key}`, entry, figure, name: aspectOf(figure) });
  return rows.sort((a, b) => b.figure.count - a.figure.count || a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
}

/** Fill the table. `redraw` is called when a long name is opened or closed. */
export function fillAspects(body, rows, declared, redraw) {
  const focused = document.activeElement?.dataset.series;
  body.replaceChildren(...rows.map((row) => element(row, declarationOf(declared, row.entry.application, row.figure), redraw)));
  if (focused != null) [...body.querySelectorAll("[data-series]")].find((one) => one.dataset.series === focused)?.focus();
}

function element(row, declaration, redraw) {
  const { entry, figure } = row, tr = document.createElement("tr"), th = document.createElement("th");
  th.scope = "row";
  const names = document.createElement("span"), sub = document.createElement("bdi");
  names.className = "names";
  const named = { name: row.name, key: row.key, whole: wholes.has(row.key) };
  names.append(nameElement(named, () => { if (!wholes.delete(row.key)) wholes.add(row.key); redraw(); }));
  sub.className = "sub name";
  sub.dir = "auto";
  sub.textContent = sub.title = about(figure);
  names.append(sub);
  if (declaration?.description) names.title = safe(declaration.description);
  th.append(names);
  const model = document.createElement("td"), line = document.createElement("div"), name = document.createElement("bdi");
  model.dataset.label = "Model";
  model.className = "of";
  line.className = "model";
  name.className = "name";
  name.dir = "auto";
  name.textContent = name.title = entry.name;
  line.append(swatch(entry.colour), name);
  model.append(line);
  tr.append(
    th, model,
    cell("Mean or share", interval(figure, formOf(figure, declaration))),
    cell("Votes", [figure.count.toLocaleString("en"), ""]),
    cell("Conversations", [figure.voters.toLocaleString("en"), ""]),
    cell("Better", [BETTER[declaration?.direction] ?? NOTHING, ""]),
  );
  return tr;
}

/** How a value is shown: numbers on the declared scale, if there is one, all else as a share. */
function formOf(figure, declaration) {
  if (figure.scale !== "number" || declaration?.minimum == null) return percent;
  return (share) => (declaration.minimum + share * (declaration.maximum - declaration.minimum)).toFixed(2);
}
