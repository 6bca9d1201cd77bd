// Connects the parts of the page: the stream comes in; table, charts, alerts and feedback go out.

import { Stream } from "./stream.js";
import { figureKey, isAgreement, isCharted, Store } from "./store.js";
import { CHARTS, Chart } from "./charts.js";
import { safe, shortened } from "./names.js";
import { fillTable, NOTHING } from "./table.js";
import { aspectRows, choiceOf, fillAspects } from "./aspects.js";
import { fillScorers, scorerChoice, scorerRows } from "./scorers.js";

const $ = (id) => document.getElementById(id);
const store = new Store();
const charts = CHARTS.map((definition) => new Chart(definition, $("charts")));
const eventsSeen = [];
const FEEDBACK = 50, ROWS = 12;
let newest = 0, skew = 0, told = "", all = false, allAspects = false, allScorers = false, declared = {};

const stream = new Stream({ onMessage, onState });

function onState(state, detail) {
  const name = { refused: "lost", connecting: "loading" }[state] ?? state;
  if ($("main").dataset.state !== name) $("main").dataset.state = name;
  const text = { live: "live", connecting: "connecting", lost: "connection lost", refused: "signed out" }[state];
  if ($("status").textContent !== text) $("status").textContent = text;
  $("lost").hidden = state === "live" || state === "connecting";
  if (state === "lost") {
    const since = newest ? ` The figures below are from ${new Date(newest / 1000).toLocaleTimeString()}.` : "";
    $("lost").textContent = `Connection lost: ${detail.reason}. Trying again in ${detail.wait} s.${since}`;
  }
  if (state === "refused") location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
}

function onMessage(event, data) {
  if (event === "hello") { $("texts").hidden = Boolean(data.texts); declared = data.aspects; return; }
  if (event === "past") { store.past(data); return; }
  $("lost").hidden = !data.problem;
  if (data.problem) $("lost").textContent = `No figures can be read: ${data.problem}.`;
  skew = Date.now() - data.now / 1000; // `now` is the broker's: ages depend on no other clock
  newest = data.newest;
  vitals(data);
  alerts(data.alerts);
  if (data.feedback) feedback(data.feedback);
  if (data.series) { store.round(data.series); choices(); }
  draw();
}

function vitals(data) {
  $("waiting").textContent = data.waiting?.toLocaleString("en") ?? NOTHING;
  for (const id of ["events", "rate"]) $(id).parentElement.hidden = data.events == null; // sent only to viewers of all applications
  $("events").textContent = data.events?.toLocaleString("en") ?? NOTHING;
  if (data.events != null) {
    eventsSeen.push([data.now / 1e6, data.events]);
    // The rate over about 12 s: one round alone would make it jump.
    while (eventsSeen.length > 2 && eventsSeen.at(-1)[0] - eventsSeen[0][0] > 12) eventsSeen.shift();
    const [began, first] = eventsSeen[0], [ended, last] = eventsSeen.at(-1);
    $("rate").textContent = ended > began ? Math.round((last - first) / (ended - began)).toLocaleString("en") : NOTHING;
  }
}

function age() {
  if (!newest) { $("age").textContent = NOTHING; return; }
  const seconds = Math.max(0, (Date.now() - skew - newest / 1000) / 1000);
  $("age").textContent = seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
  $("age").classList.toggle("late", seconds > 60);
}

function alerts(list) {
  const place = $("alert-list"), boxes = new Map([...place.querySelectorAll(".alert")].map((box) => [box.dataset.of, box]));
  const current = list.map((alert) => {
    const key = `${alert.alert} ${alert.subject}`, box = boxes.get(key) ?? alertBox(alert, key);
    box.querySelector("strong").textContent = safe(alert.text); // updated in place, to keep focus and open runbook
    box.querySelector(".since").textContent = since(alert);
    box.classList.toggle("pending", alert.pending);
    return box;
  });
  const wanted = current.length ? current : [place.querySelector("p") ?? quiet("p", "No alerts.")];
  for (const child of [...place.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, at) => { if (place.children[at] !== child) place.insertBefore(child, place.children[at] ?? null); });
  tell(list.filter((alert) => !alert.pending));
}

function since(alert) {
  const time = new Date(alert.since / 1000).toLocaleTimeString();
  return alert.pending ? ` seen since ${time}; an alert if it lasts` : ` since ${time}`;
}

function tell(list) { // a screen reader announces each change of the alerts once
  const now = list.map((alert) => `${alert.alert} ${alert.subject}`).sort().join();
  if (now === told) return;
  told = now;
  $("alerts-told").textContent = list.length ? list.map((alert) => safe(alert.text)).join(". ") : "No alerts.";
}

function alertBox(alert, key) {
  const box = document.createElement("div"), details = document.createElement("details");
  box.className = "alert";
  box.dataset.of = key;
  const head = document.createElement("strong"), when = document.createElement("span");
  when.className = "since";
  const summary = document.createElement("summary");
  summary.textContent = `What to do (${alert.alert})`;
  const steps = document.createElement("ol");
  for (const step of alert.runbook) steps.append(Object.assign(document.createElement("li"), { textContent: step }));
  details.append(summary, steps);
  box.append(head, when, details);
  return box;
}

function feedback(list) {
  const place = $("feedback-list");
  place.querySelector(".quiet")?.remove();
  for (const one of list) {
    const li = document.createElement("li"), time = document.createElement("time");
    time.textContent = one.at === null ? "no time" : new Date(one.at / 1000).toLocaleTimeString();
    const what = document.createElement("span");
    what.textContent = one.what;
    if (one.what === "like" || one.what === "dislike") what.className = one.what;
    const about = document.createElement("span");
    about.className = "about";
    about.textContent = safe(`${one.aspect} by ${one.rater}`);
    const text = document.createElement("span");
    text.className = "text";
    text.dir = "auto";
    text.textContent = [one.application, one.conversation, one.text].filter(Boolean).map(safeLines).join(" \u00b7 ");
    li.append(time, what, about, text);
    place.prepend(li);
  }
  while (place.children.length > FEEDBACK) place.lastElementChild.remove();
}

function choices() {
  const application = $("application").value;
  options($("application"), [{ id: "", label: "all" }, ...store.applications().map((a) => ({ id: a, label: shortened(safe(a)) }))]);
  options($("scale"), store.dimensions("satisfaction", application, (f) => f.rater_kind === "user" && ({
    id: `${f.scale}|${f.level}`, label: `${f.scale === "thumb" ? "thumbs" : "numbers"}, per ${f.level}` })));
  options($("aspect"), store.dimensions(isCharted, application, (f) => ({ id: figureKey(f), label: choiceOf(f) })));
  $("aspect-choice").hidden = !$("aspect").value;
  options($("scorer"), store.dimensions(isAgreement, application, (f) => ({ id: figureKey(f), label: scorerChoice(f) })));
  $("scorer-choice").hidden = !$("scorer").value;
  options($("judge"), store.dimensions("accuracy", application, (f) => ({ id: f.rater_kind, label: `${f.rater_kind}s` })));
}

function options(select, list) {
  const wanted = list.length ? list : [{ id: "", label: NOTHING }];
  const now = [...select.options].map((o) => o.value).sort().join();
  // The order follows the votes: without sorting, the list would jump under the pointer.
  if (now === wanted.map((o) => o.id).sort().join()) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((o) => new Option(o.label, o.id)));
  if (wanted.some((o) => o.id === chosen)) select.value = chosen;
}

function draw() {
  if ($("main").dataset.state === "loading") return;
  const entries = store.shown($("application").value), [scale, level] = $("scale").value.split("|");
  const choice = {
    scale: { rater_kind: "user", scale, level }, scaleLabel: $("scale").selectedOptions[0]?.text ?? "",
    judge: $("judge").value, aspect: $("aspect").value, aspectLabel: $("aspect").selectedOptions[0]?.text ?? "",
    scorer: $("scorer").value, scorerLabel: $("scorer").selectedOptions[0]?.text ?? "",
  };
  $("empty").hidden = entries.length > 0;
  $("models").hidden = $("charts").hidden = entries.length === 0;
  $("immature").hidden = !entries.some((e) => e.immature);
  const charted = store.charted(entries);
  fillTable($("rows"), listed(entries), charted, choice, {
    pick: (entry, shown) => { entry.picked = shown; draw(); },
    expand: (entry) => { entry.whole = !entry.whole; draw(); },
  });
  aspects(charted);
  scorers(charted);
  for (const chart of charts) chart.draw(charted, choice, document.documentElement.dataset.theme);
}

/** The rows of the table: those that match the search, or all, or the busiest. */
function listed(entries) {
  const words = $("find").value.trim().toLocaleLowerCase();
  const found = words ? entries.filter((e) => `${e.name} ${e.application}`.toLocaleLowerCase().includes(words)) : entries;
  const rows = all || words ? found : found.slice(0, ROWS);
  $("finding").hidden = entries.length <= ROWS;
  $("more").hidden = entries.length <= ROWS;
  $("count").textContent = words && !rows.length ? `None of the ${entries.length} models has such a name.` : `${rows.length} of ${entries.length} models.`;
  $("all").hidden = Boolean(words);
  $("all").textContent = all ? `Show the ${ROWS} busiest` : "Show all";
  return rows;
}

function aspects(charted) {
  fillAspects($("aspect-rows"), matching("aspect", aspectRows(charted), allAspects, "votes"), declared, draw);
}

function scorers(charted) {
  fillScorers($("scorer-rows"), matching("scorer", scorerRows(charted), allScorers, "answers"), draw);
}

/** The rows of aspects or scorers: those that match the search, or all, or those with the most of `what`. */
function matching(kind, rows, whole, what) {
  const words = $(`${kind}-find`).value.trim().toLocaleLowerCase();
  const found = words ? rows.filter((r) => `${r.name} ${r.entry.name}`.toLocaleLowerCase().includes(words)) : rows;
  const shown = whole || words ? found : found.slice(0, ROWS);
  $(`${kind}s`).hidden = rows.length === 0;
  $(`${kind}-finding`).hidden = $(`${kind}-more`).hidden = rows.length <= ROWS;
  $(`${kind}-count`).textContent = words && !found.length ? `None of the ${rows.length} rows has such a name.` : `${shown.length} of ${rows.length} rows.`;
  $(`${kind}-all`).hidden = Boolean(words);
  $(`${kind}-all`).textContent = whole ? `Show the ${ROWS} with the most ${what}` : "Show all";
  return shown;
}

const safeLines = (text) => text.split("\n").map(safe).join("\n");

function quiet(tag, text) { return Object.assign(document.createElement(tag), { className: "quiet", textContent: text }); }

function connect() {
  const window_ = document.querySelector("input[name=window]:checked").value;
  onState("connecting");
  store.clear(Number(window_));
  stream.open(window_);
}

$("windows").addEventListener("change", connect);
for (const id of ["application", "scale", "judge", "aspect", "scorer"]) $(id).addEventListener("change", () => { if (id === "application") choices(); draw(); });
$("choices").addEventListener("submit", (event) => event.preventDefault());
$("find").addEventListener("input", draw);
$("aspect-find").addEventListener("input", draw);
$("scorer-find").addEventListener("input", draw);
$("aspect-all").addEventListener("click", () => { allAspects = !allAspects; draw(); });
$("scorer-all").addEventListener("click", () => { allScorers = !allScorers; draw(); });
$("all").addEventListener("click", () => { all = !all; draw(); });
document.documentElement.addEventListener("themechange", draw);
setInterval(age, 500);
connect();
