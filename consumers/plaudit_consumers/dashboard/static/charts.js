// Charts over time with uPlot: each series is a line with its 95 % interval as a band. Lines also differ in
// their dashes, for viewers who cannot tell the colours apart.
/* global uPlot */

import { colourOf, dashOf } from "./colours.js";
import { shortened } from "./names.js";
import { figureKey } from "./store.js";

const LINES = 12;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const percent = (v) => v == null ? "" : `${(v * 100).toFixed(v !== 0 && Math.abs(v) < 0.1 ? 1 : 0)} %`;

export const CHARTS = [
  { id: "satisfaction", title: "Satisfaction", unit: "1 to 5", form: (v) => v?.toFixed(2) ?? "", dims: "scale", limits: [1, 5] },
  { id: "satisfied", title: "Satisfied share", unit: "4 or above", form: percent, dims: "scale", limits: [0, 1] },
  { id: "accuracy", title: "Accuracy", unit: "judged correct", form: percent, dims: "judge", limits: [0, 1] },
  { id: "precision", title: "Precision", unit: "without abstentions", form: percent, dims: "judge", limits: [0, 1] },
  { id: "aspect", title: "Aspect", unit: "share of the scale, or of likes", form: percent, dims: "aspect", limits: [0, 1] },
  { id: "agreement", title: "Agreement of a scorer", unit: "same side as people", form: percent, dims: "scorer", limits: [0, 1] },
  { id: "coverage", title: "Feedback coverage", unit: "answers with feedback", form: percent, limits: [0, 1], room: 0.06 },
  { id: "ignore_rate", title: "Ignored answers", unit: "share of all", form: percent, limits: [0, 1], room: 0.06 },
  { id: "regeneration_rate", title: "Regenerated answers", unit: "share of all", form: percent, limits: [0, 1], room: 0.06 },
  { id: "response_latency_ms_p50", title: "Response latency, median", unit: "seconds", form: (v) => v == null ? "" : `${v.toFixed(1)} s`, scale: 0.001, limits: [0, Infinity] },
  { id: "response_latency_ms_p95", title: "Response latency, 95th percentile", unit: "seconds", form: (v) => v == null ? "" : `${v.toFixed(1)} s`, scale: 0.001, limits: [0, Infinity] },
];

/** The data for uPlot: [times, value, low, high, value, low, high, ...], with all series on the same times. */
export function columns(entries, key, scale = 1) {
  const times = [...new Set(entries.flatMap((e) => e.points.map((p) => p.at)))].sort((a, b) => a - b);
  const place = new Map(times.map((at, i) => [at, i]));
  const data = [times.map((at) => at / 1e6)];
  for (const entry of entries) {
    const value = Array(times.length).fill(null), low = value.slice(), high = value.slice();
    for (const point of entry.points) {
      const f = point.values.get(key), i = place.get(point.at);
      if (f?.value == null) continue;
      value[i] = f.value * scale;
      low[i] = (f.low ?? f.value) * scale;
      high[i] = (f.high ?? f.value) * scale;
    }
    data.push(value, low, high);
  }
  return data;
}

export class Chart {
  constructor(definition, parent) {
    this.definition = definition;
    this.figure = document.createElement("figure");
    this.figure.innerHTML = "<figcaption><b></b><span></span></figcaption><div class='plot'></div>";
    this.figure.querySelector("b").textContent = definition.title;
    this.place = this.figure.querySelector(".plot");
    this.place.setAttribute("role", "img");
    parent.append(this.figure);
    new ResizeObserver(() => this.plot?.setSize(this.#size())).observe(this.place);
  }

  draw(entries, choice, theme) {
    const d = this.definition;
    const dims = d.dims === "scale" ? choice.scale : d.dims === "judge" ? { rater_kind: choice.judge, level: "message" } : {};
    const picked = { aspect: [choice.aspect, choice.aspectLabel], scorer: [choice.scorer, choice.scorerLabel] }[d.dims];
    const key = picked ? picked[0] : figureKey({ name: d.id, ...dims });
    this.figure.hidden = picked && !picked[0]; // most applications have none
    if (this.figure.hidden) return;
    const shown = entries.filter((e) => e.points.some((p) => p.values.get(key)?.value != null)).slice(0, LINES);
    const caption = d.dims === "scale" ? choice.scaleLabel : picked ? picked[1] : d.dims === "judge" && choice.judge ? `by ${choice.judge}s` : "";
    this.figure.querySelector("span").textContent = [d.unit, caption].filter(Boolean).join(", ");
    this.place.setAttribute("aria-label", this.#words(shown, key));
    const identity = JSON.stringify([shown.map((e) => e.key), key, theme]);
    if (!shown.length) { this.#none(); return; }
    const data = columns(shown, key, d.scale);
    // uPlot cannot change its series, so the plot is rebuilt only if the lines themselves differ.
    if (this.identity === identity) { this.plot.setData(data); return; }
    this.identity = identity;
    this.plot?.destroy();
    this.place.replaceChildren();
    this.plot = new uPlot(this.#options(shown), data, this.place);
  }

  #none() {
    this.plot?.destroy();
    this.plot = this.identity = null;
    const none = document.createElement("div");
    none.className = "none";
    none.textContent = "nothing to show in this window";
    this.place.replaceChildren(none);
  }

  #words(shown, key) {
    const { title, form, scale = 1 } = this.definition;
    const last = shown.map((e) => {
      const f = e.points.findLast((p) => p.values.get(key)?.value != null)?.values.get(key);
      return `${e.name} ${form(f.value * scale)}`;
    });
    return `${title} over time. ${last.length ? `Latest: ${last.join("; ")}.` : "Nothing to show."}`;
  }

  #size() { return { width: this.place.clientWidth, height: this.place.clientHeight }; }

  #options(shown) {
    const { form, limits, room } = this.definition, series = [{}], bands = [], alpha = css("--band");
    shown.forEach((entry, i) => {
      const stroke = colourOf(entry.colour), at = 1 + i * 3;
      series.push({ label: entry.name, stroke, width: 2, dash: dashOf(entry.colour), spanGaps: true, points: { show: false } });
      // A band needs a series at each end; these are invisible.
      for (const end of ["low", "high"]) series.push({ label: `${entry.name} ${end}`, stroke: "transparent", width: 0, spanGaps: true, points: { show: false } });
      bands.push({ series: [at + 2, at + 1], fill: stroke + Math.round(alpha * 255).toString(16).padStart(2, "0") });
    });
    const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line") } };
    return {
      ...this.#size(), series, bands, legend: { show: false }, cursor: { y: false, points: { show: false } },
      plugins: [tooltip(form)],
      scales: { x: { time: true }, y: { range: (u) => range(...extent(u.data), limits, room) } },
      axes: [{ ...axis, space: 64, size: 30, values: (_u, splits) => clock(splits) }, { ...axis, size: 56, values: (_u, splits) => splits.map(form) }],
    };
  }
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.round(q * (sorted.length - 1)))];

/**
 * The lowest and highest value to show: all values except the first tenth, and the intervals except the widest.
 * Otherwise the wide intervals of a few early votes would flatten all lines.
 */
export function extent(data) {
  const ends = [[], []], values = [];
  for (let i = 1; i < data.length; i += 3) {
    for (const [side, column] of [data[i + 1], data[i + 2]].entries()) ends[side].push(...column.filter((v) => v != null));
    const known = data[i].filter((v) => v != null);
    values.push(...known.slice(Math.floor(known.length / 10)));
  }
  if (!ends[0].length) return [null, null];
  const [lows, highs] = ends.map((list) => list.sort((a, b) => a - b));
  return [Math.min(quantile(lows, 0.08), ...values), Math.max(quantile(highs, 0.92), ...values)];
}

/** A y range with some room around the data, and a minimum width so that noise does not look like a change. */
export function range(low, high, [least, most], room) {
  if (low == null || high == null) return [least, Number.isFinite(most) ? most : 1];
  const width = Math.max(high - low, room ?? (Number.isFinite(most) ? (most - least) / 5 : high / 5), 1e-9);
  const middle = (low + high) / 2;
  return [Math.max(least, middle - width * 0.6), Math.min(most, middle + width * 0.6)];
}

/** Labels of the time axis: with seconds if the ticks are close, as days if they are far apart. */
export function clock(splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 60;
  const two = (n) => String(n).padStart(2, "0");
  return splits.map((at) => {
    const d = new Date(at * 1000), day = `${d.getDate()}.${d.getMonth() + 1}.`;
    if (step >= 86400) return day;
    return `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? `:${two(d.getSeconds())}` : ""}`;
  });
}

function tooltip(form) {
  let box;
  return {
    hooks: {
      init: (u) => { box = document.createElement("div"); box.className = "tip"; box.hidden = true; u.over.append(box); u.over.addEventListener("mouseleave", () => { box.hidden = true; }); },
      setCursor: (u) => {
        const { idx, left } = u.cursor;
        const lines = idx == null ? [] : u.series.map((s, i) => [s, u.data[i]?.[idx], i]).filter(([, v, i]) => i % 3 === 1 && v != null);
        box.hidden = left < 0 || !lines.length;
        if (box.hidden) return;
        const time = document.createElement("b");
        time.textContent = new Date(u.data[0][idx] * 1000).toLocaleTimeString();
        box.replaceChildren(time, ...lines.map(([s, v, i]) => {
          const row = document.createElement("div");
          row.textContent = `${shortened(s.label)}: ${form(v)} (${form(u.data[i + 1][idx])} to ${form(u.data[i + 2][idx])})`;
          row.style.color = s._stroke ?? "";
          return row;
        }));
        box.style.left = left > u.over.clientWidth / 2 ? "" : `${left + 12}px`;
        box.style.right = left > u.over.clientWidth / 2 ? `${u.over.clientWidth - left + 12}px` : "";
      },
    },
  };
}
