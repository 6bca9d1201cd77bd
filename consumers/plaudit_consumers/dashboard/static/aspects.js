// The table of aspects: a row for each aspect, kind of value, rater and model, those with the most votes first.

import { safe, shortened } from "./names.js";
import { FIGURE, isAspect, LABEL } from "./store.js";
import { cell, interval, modelCell, nameCell, NOTHING, replaceRows } from "./table.js";

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
  replaceRows(body, rows.map((row) => element(row, declarationOf(declared, row.entry.application, row.figure), redraw)));
}

function element({ entry, figure, key, name }, declaration, redraw) {
  const tr = document.createElement("tr");
  const toggle = () => { if (!wholes.delete(key)) wholes.add(key); redraw(); };
  tr.append(
    nameCell({ name, key, whole: wholes.has(key) }, about(figure), toggle, declaration?.description),
    modelCell(entry),
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
