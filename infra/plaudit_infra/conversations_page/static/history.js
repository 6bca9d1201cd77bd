// The history of the conversation that is shown: reads the log in pieces, and chooses an event.

import { $, ask, element, isolated, moment } from "./asking.js";

const PAUSE_MS = 300;
let id = null, events = [], show = null, version = 0;

// `choose(offset)` shows the conversation as of an offset; null is now.
export function begin(conversationId, choose) {
  version += 1;
  [id, events, show] = [conversationId, [], choose];
  $("timeline").hidden = true;
  $("events").hidden = true;
}

// Reads the log, and draws its events. Returns whether there are any.
export async function read() {
  const mine = ++version;
  $("timeline").hidden = false;
  $("read-on").hidden = true;
  $("reading").hidden = false;
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  $("read-told").textContent = "Reading the log ...";
  try {
    await ask("timeline", { id });
    for (;;) {
      const told = await ask(`timeline?${new URLSearchParams({ id })}`);
      if (mine !== version) return false;
      if (told.of) {
        $("progress").max = told.of;
        $("progress").value = told.read;
      }
      if (!told.reading) return drawEvents(told);
      $("read-told").textContent = `Reading the log: ${told.read.toLocaleString()} of ${told.of.toLocaleString()} events of all conversations`;
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    }
  } catch (error) {
    if (mine !== version) return false;
    $("progress").hidden = true;
    $("read-told").textContent = error.message;
    $("read-on").hidden = error.status === 410;
    return false;
  }
}

function drawEvents(told) {
  events = told.events;
  $("progress").hidden = true;
  $("read-on").hidden = told.whole || told.too_large;
  $("read-told").textContent = told.whole ? "" : told.too_large
    ? "The conversation is too large: only its first events are shown."
    : `Not all of the log is read yet (${told.read.toLocaleString()} of ${told.of.toLocaleString()}).`;
  $("reading").hidden = told.whole;
  $("events").hidden = !events.length;
  if (!events.length && told.whole) {
    $("reading").hidden = false;
    $("read-told").textContent = "The log has no event of it any more.";
  }
  $("event-count").textContent = `${events.length.toLocaleString()} events${told.left_out ? `, and ${told.left_out.toLocaleString()} before them` : ""}`;
  $("at").max = Math.max(0, events.length - 1);
  $("event-list").replaceChildren(...events.map((event, at) => {
    const line = element("li"), button = element("button");
    button.type = "button";
    button.append(`${moment(event.arrived_ms)} · `, isolated(event.told));
    if (event.refused) button.append(" · ", element("span", `refused, ${event.refused}`, "refused"));
    button.addEventListener("click", () => choose(at));
    line.append(button);
    return line;
  }));
  return events.length > 0;
}

// Marks the event of an offset; null is now.
export function mark(offset) {
  const at = offset === null ? events.length - 1 : events.findLastIndex((event) => event.offset <= offset);
  $("at").value = Math.max(0, at);
  const event = events[at];
  const text = event ? `${moment(event.arrived_ms)}: ${event.told}` : "";
  $("at-told").textContent = offset === null ? "now" : text;
  $("at").setAttribute("aria-valuetext", offset === null ? "now" : text);
  for (const [number, button] of [...$("event-list").querySelectorAll("button")].entries()) {
    if (offset !== null && number === at) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function choose(at) {
  if (events[at]) show(events[at].offset);
}

$("at").addEventListener("input", () => choose(Number($("at").value)));
$("now").addEventListener("click", () => show(null));
$("read-on").addEventListener("click", read);
$("read-again").addEventListener("click", read);
$("moment").addEventListener("change", () => {
  const wanted = new Date($("moment").value).getTime();
  const at = events.findLastIndex((event) => event.arrived_ms < wanted + 1000);
  if (at >= 0) choose(at);
  else $("at-told").textContent = "The conversation had not begun by then.";
});
