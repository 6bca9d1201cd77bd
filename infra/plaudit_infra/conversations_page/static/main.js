// The page of conversations: searches, and shows one, now or as of an event. Links keep all of it.

import { $, ask, copyLink, isolated, moment, problem, tell } from "./asking.js";
import { correct, erase, send } from "./deciding.js";
import { draw } from "./drawing.js";
import * as history from "./history.js";

const FIELDS = ["text", "id", "user", "model", "rating"];
const TRIES = 10, PAUSE_MS = 700;
let about = {}, shown = null, latest = 0;
const places = {};

const wanted = () => new URLSearchParams(location.search);
const section = (where) => document.querySelector(`[data-where=${where}]`);

function form() {
  const given = new FormData($("search"));
  return new URLSearchParams(FIELDS.filter((name) => given.get(name)).map((name) => [name, given.get(name).trim()]));
}

async function begin() {
  try {
    about = await ask("about");
  } catch (error) {
    $("search").hidden = $("found").hidden = true;
    problem(error.message);
    return;
  }
  section("finished").hidden = !about.finished;
  addEventListener("popstate", route);
  await route();
}

async function route() {
  const asked = wanted(), id = asked.get("show");
  problem("");
  tell("");
  $("search").hidden = $("found").hidden = Boolean(id);
  $("shown").hidden = !id;
  if (id) {
    await open(id);
    return;
  }
  shown = null;
  for (const input of $("search").elements) {
    if (input.type === "checkbox") input.checked = asked.get(input.name) === input.value;
    else if (input.name) input.value = asked.get(input.name) ?? "";
  }
  await search();
}

async function search() {
  const mine = ++latest;
  for (const where of ["live", "finished"]) {
    places[where] = null;
    section(where).querySelector(".lines").replaceChildren();
  }
  await Promise.all((about.finished ? ["live", "finished"] : ["live"]).map((where) => look(where, mine)));
}

async function look(where, mine = latest) {
  const part = section(where), told = part.querySelector(".told"), further = part.querySelector(".further"), lines = part.querySelector(".lines");
  const asked = form();
  asked.set("where", where);
  if (places[where]) asked.set("place", places[where]);
  told.textContent = "Searching ...";
  further.hidden = true;
  try {
    const found = await ask(`search?${asked}`);
    if (mine !== latest) return;
    const known = new Set([...lines.querySelectorAll("a")].map((each) => each.dataset.id));
    const fresh = found.found.filter((each) => !known.has(each.id));
    lines.append(...fresh.map(drawLine));
    places[where] = found.place;
    further.hidden = !found.place;
    told.textContent = toldOf(where, lines.children.length, found);
    if (known.size && fresh.length) lines.children[known.size].querySelector("a").focus();
  } catch (error) {
    if (mine === latest) told.textContent = error.message;
  }
}

function toldOf(where, count, found) {
  const many = count ? `${count} found` : "None found";
  const reached = where === "live" ? moment(found.reached) : found.reached ?? "";
  if (!found.place) return `${many}. All ${where} conversations were searched.`;
  const rest = where === "live" ? `${found.looked.toLocaleString()} more looked at, back to ${reached}` : `${found.looked} of ${found.of} files searched, back to ${reached}`;
  return `${many}. ${rest}.`;
}

function drawLine(found) {
  const item = $("line").content.cloneNode(true).firstElementChild, link = item.querySelector("a");
  const asked = form();
  asked.set("show", found.id);
  link.href = `?${asked}`;
  link.dataset.id = found.id;
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    window.history.pushState(null, "", link.href);
    route();
  });
  item.querySelector(".first").textContent = found.first || "(no text)";
  const facts = [moment(found.moment_ms), found.open ? "open" : "", counted(found.messages, "message"), ...found.models];
  if (found.low) facts.push(counted(found.low, "low rating"));
  else if (found.feedback) facts.push(counted(found.feedback, "judgement"));
  if (found.user) facts.push(`user ${found.user}`);
  item.querySelector(".hint").append(...[...facts, found.id].filter(Boolean).flatMap((text, at) => [at ? " · " : "", isolated(text)]));
  return item;
}

function counted(count, name) {
  return `${count.toLocaleString()} ${name}${count === 1 ? "" : "s"}`;
}

async function open(id) {
  const mine = ++latest;
  const back = wanted();
  for (const name of ["show", "at", "message"]) back.delete(name);
  $("back").href = `/conversations?${back}`;
  history.begin(id, (offset) => choose(offset));
  const at = wanted().get("at");
  if (at !== null) {
    if (await history.read()) await show(Number(at), mine);
    if (mine === latest && shown?.id === id) return;
  }
  await show(null, mine);
  if (mine === latest && shown) $("shown").focus();
}

// Shows the conversation as of an offset; null is now.
async function show(offset, mine = ++latest) {
  const id = wanted().get("show"), asked = new URLSearchParams({ id });
  if (offset !== null) asked.set("at", offset);
  try {
    const found = await ask(`one?${asked}`);
    if (mine !== latest) return;
    shown = found;
  } catch (error) {
    if (mine !== latest) return;
    gone(error);
    return;
  }
  problem("");
  const now = offset === null;
  draw(shown, wanted().get("message"), now && about.decides ? { correct: correctIt, send: (message) => send(shown, message) } : {});
  $("copy").hidden = $("history").hidden = false;
  $("send-whole").hidden = !(now && about.decides);
  $("erase").hidden = !(now && about.erases);
  $("as-of").hidden = now;
  $("as-of").textContent = now ? "" : "This is the conversation as it was. Choose Now to go back, and to correct or send it.";
  history.mark(offset);
}

function gone(error) {
  problem(error.message);
  if (error.status !== 410 && error.status !== 404) return;
  shown = null;
  for (const each of ["messages", "facts", "event-list", "shown-id"]) $(each).replaceChildren();
  $("state").textContent = "";
  for (const each of ["whole", "tools", "timeline", "as-of"]) $(each).hidden = true;
  for (const button of $("shown").querySelectorAll(".actions button")) button.hidden = true;
}

async function choose(offset) {
  const asked = wanted();
  if (offset === null) asked.delete("at");
  else asked.set("at", offset);
  window.history.replaceState(null, "", `?${asked}`);
  await show(offset);
}

async function correctIt(message) {
  const before = shown.feedback.length;
  if (!await correct(shown, message)) return;
  for (let tried = 0; tried < TRIES; tried += 1) { // the worker takes a moment
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    if (!shown || shown.at !== null) return;
    await show(null);
    document.querySelector(`[data-id="${CSS.escape(message.id)}"]`)?.focus(); // its buttons are drawn anew
    if (shown?.feedback.length > before) return;
  }
}

async function eraseIt() {
  const id = shown.id;
  if (!await erase(shown)) return;
  gone(Object.assign(new Error(`The conversation ${id} is erased.`), { status: 410 }));
  $("back").focus();
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  window.history.pushState(null, "", `?${form()}`);
  search();
});
for (const where of ["live", "finished"]) section(where).querySelector(".further button").addEventListener("click", () => look(where));
$("back").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  window.history.pushState(null, "", $("back").href);
  route();
});
$("copy").addEventListener("click", () => copyLink({}));
$("history").addEventListener("click", async () => {
  if (await history.read()) {
    history.mark(shown?.at ?? null);
    $("at").focus();
  }
});
$("send-whole").addEventListener("click", () => send(shown, null));
$("erase").addEventListener("click", eraseIt);
begin();
