// The data of the page: the latest figures of each series, and points over time.

import { Colours } from "./colours.js";
import { safe } from "./names.js";

const POINTS = 180, CHARTED_ALONE = 5;
export const CHARTED = new Set(["satisfaction", "satisfied", "accuracy", "precision", "coverage", "ignore_rate",
  "regeneration_rate", "response_latency_ms_p50", "response_latency_ms_p95", "response_latency_ms_p99"]);

export const FIGURE = "aspect:", LABEL = "label:"; // figures of aspects, and the scale of a label's
export const isAspect = (figure) => figure.name.startsWith(FIGURE);
export const isCharted = (figure) => isAspect(figure) && !figure.scale.startsWith(LABEL);

export const AGREES = "agreement_accuracy:"; // how often a scorer is on the side of the people; the aspect follows
export const isAgreement = (figure) => figure.name.startsWith(AGREES);
const isPoint = (figure) => CHARTED.has(figure.name) || isCharted(figure) || isAgreement(figure);

export const seriesName = (s) => [s.model || "unknown model", s.model_version].filter(Boolean).join(" ");
/** The number of answers of a series in a message. Past points lack that figure, but coverage counts answers. */
const answers = (s) => (s.figures ?? []).find((f) => f.name === "messages_assistant")?.count
  ?? s.points?.at(-1)?.[1].find(([name]) => name === "coverage")?.[7] ?? 0;
/** The busiest first, because the first ones get colours without dashes. The order is the same for all viewers. */
const byTraffic = (a, b) => answers(b) - answers(a) || seriesName(a).localeCompare(seriesName(b));
const seriesKey = (s) => [s.application, s.model, s.model_version, s.source].join("\u0000");
export const figureKey = (f) => [f.name, f.rater_kind ?? "", f.scale ?? "", f.level ?? ""].join("|");

export class Store {
  constructor() { this.clear(300); this.colours = new Colours(); this.alone = new Set(); }

  clear(window_) { this.window = window_; this.series = new Map(); }

  past(message) {
    this.clear(message.window);
    for (const one of message.series.toSorted(byTraffic)) {
      const entry = this.#entry(one);
      for (const [at, figures] of one.points) {
        const values = new Map(figures.map(([name, rater_kind, scale, level, value, low, high, count]) =>
          [figureKey({ name, rater_kind, scale, level }), { value, low, high, count }]));
        entry.points.push({ at, values });
      }
    }
  }

  round(list) {
    const seen = new Set();
    for (const one of list.toSorted(byTraffic)) {
      const entry = this.#entry(one);
      seen.add(seriesKey(one));
      entry.immature = one.immature;
      entry.figures = new Map(one.figures.map((f) => [figureKey(f), f]));
      const last = entry.points.at(-1);
      // The same spacing as in the history of the console: a sixtieth of the window.
      if (!last || one.at - last.at >= this.window * 1e6 / 60) {
        entry.points.push({ at: one.at, values: new Map([...entry.figures].filter(([, f]) => isPoint(f))) });
        if (entry.points.length > POINTS) entry.points.shift();
      }
    }
    // A series that is no longer published leaves the table, but keeps its points in case it comes back.
    for (const [key, entry] of this.series) if (!seen.has(key)) entry.figures = null;
  }

  /** Series that have figures at the moment, the busiest first. */
  shown(application) {
    return [...this.series.values()]
      .filter((e) => e.figures && (!application || e.application === application))
      .sort((a, b) => messages(b) - messages(a) || a.name.localeCompare(b.name));
  }

  /** The series to draw: those the user ticked, and the busiest few that the user has not unticked. */
  charted(entries) {
    const here = new Set(entries.map((e) => e.key));
    for (const key of this.alone) if (!here.has(key)) this.alone.delete(key);
    // The others stay even if they are no longer the busiest: lines must not come and go.
    for (const { key } of entries) if (this.alone.size < CHARTED_ALONE) this.alone.add(key);
    return entries.filter((e) => e.picked ?? this.alone.has(e.key));
  }

  applications() { return [...new Set([...this.series.values()].map((e) => e.application))].sort(); }

  /** The dimensions in which a voted figure exists, those with the most votes first: [{id, label}]. `name` may be a test. */
  dimensions(name, application, describe) {
    const votes = new Map();
    for (const entry of this.shown(application))
      for (const [key, f] of entry.figures)
        if ((typeof name === "string" ? f.name === name : name(f)) && f.count) {
          const one = describe(f);
          if (one) votes.set(one.id, { ...one, votes: (votes.get(one.id)?.votes ?? 0) + f.count });
        }
    return [...votes.values()].sort((a, b) => b.votes - a.votes);
  }

  #entry(one) {
    const key = seriesKey(one);
    let entry = this.series.get(key);
    if (!entry) {
      const source = ["sdk", "gateway"].includes(one.source) ? "" : ` (${one.source})`;
      entry = { key, application: one.application, name: safe(seriesName(one) + source), points: [], figures: null,
        colour: this.colours.slotOf(key), picked: undefined, whole: false };
      this.series.set(key, entry);
    }
    return entry;
  }
}

export const messages = (entry) => entry.figures?.get(figureKey({ name: "messages_assistant" }))?.count ?? 0;
