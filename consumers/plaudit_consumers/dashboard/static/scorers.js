// The table of scorers: how well the scores of a model agree with what people say of the same answers. A row for
// each scorer, aspect, kind of people and model of the chat, those with the most judged answers first.

import { safe, shortened } from "./names.js";
import { AGREES, figureKey, isAgreement } from "./store.js";
import { cell, interval, modelCell, nameCell, replaceRows } from "./table.js";

const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
const decimals = (value) => value.toFixed(2);

const scorerOf = (figure) => safe(figure.scale || "a scorer without a name");
const about = (figure) => `${safe(figure.name.slice(AGREES.length))}, beside ${figure.rater_kind}s`;
export const scorerChoice = (figure) => `${shortened(scorerOf(figure))} (${about(figure)})`;

const wholes = new Set();

/** The rows: one for each scorer's accuracy of each entry. */
export function scorerRows(entries) {
  const rows = [];
  for (const entry of entries)
    for (const [key, figure] of entry.figures)
      if (isAgreement(figure) && figure.count) rows.push({ key: `${entry.key}\u0000${key}`, entry, figure, name: scorerOf(figure) });
  return rows.sort((a, b) => b.figure.count - a.figure.count || a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
}

/** Fill the table. `redraw` is called when a long name is opened or closed. */
export function fillScorers(body, rows, redraw) {
  replaceRows(body, rows.map((row) => element(row, redraw)));
}

function element({ entry, figure, key, name }, redraw) {
  const tr = document.createElement("tr");
  const other = (measure) => entry.figures.get(figureKey({ ...figure, name: `${measure}:${figure.name.slice(AGREES.length)}` }));
  const toggle = () => { if (!wholes.delete(key)) wholes.add(key); redraw(); };
  tr.append(
    nameCell({ name, key, whole: wholes.has(key) }, about(figure), toggle),
    modelCell(entry),
    cell("Same side", interval(figure, percent)),
    cell("AUC", interval(other("agreement_auc"), decimals)),
    cell("MCC", interval(other("agreement_mcc"), decimals)),
    cell("Calibration error", interval(other("agreement_calibration_error"), percent)),
    cell("Brier score", interval(other("agreement_brier"), decimals)),
    cell("Answers", [figure.count.toLocaleString("en"), ""]),
  );
  return tr;
}
