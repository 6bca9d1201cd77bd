// Shows the screen that the address names: queues, work on one, its quality, or one disagreement.

import { queues as allQueues, QueueClient } from "./api.js";
import { showHelp } from "./dialogs.js";
import { $, button, hear, make, problem } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Keyboard } from "./keys.js";
import { Lead } from "./lead.js";
import { drawQueues } from "./queues.js";
import { sendLeftBehind } from "./sending.js";
import { Settling } from "./settling.js";
import { Work } from "./work.js";

const keyboard = new Keyboard();
let current = null, drafts = null, latest = 0;

// "#/answer-quality/1/item/item-3" -> ["answer-quality", "1", "item", "item-3"]
const place = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);

async function show() {
  const mine = ++latest;
  current?.end?.();
  current = null;
  still();
  try {
    const [rubric, version, what, item] = place();
    const found = await allQueues();
    if (mine !== latest) return;
    if (!drafts) await begin(found.person);
    if (rubric) await open(new QueueClient(rubric, version ?? ""), what, item, mine);
    else list(found);
  } catch (error) {
    if (mine === latest) failed(error);
  } finally {
    if (mine === latest) $("screen").setAttribute("aria-busy", "false");
  }
}

// The screen that is left takes no more keys and clicks: they would change an item that others may have by now.
function still() {
  keyboard.use([]);
  for (const each of document.querySelectorAll("dialog[open]")) each.close();
  problem("");
  $("screen").inert = true;
  $("screen").setAttribute("aria-busy", "true");
}

function draw(...children) {
  $("screen").replaceChildren(...children);
  $("screen").inert = false;
}

async function begin(person) {
  drafts = new Drafts(person);
  const sent = await sendLeftBehind(drafts, (draft) => new QueueClient(draft.rubric, draft.version));
  if (sent) hear("Answers that were still under way are sent.");
}

function list(found) {
  const redraw = () => draw(...drawQueues(found, drafts, redraw));
  redraw();
  document.title = "Review · Plaudit";
  keyboard.use([{ keys: ["?"], says: "Show these keys", run: () => showHelp(keyboard.bindings) }, ...openers()]);
}

// The first nine queues open by their number.
function openers() {
  const links = [...$("screen").querySelectorAll(".queue h2 a")].slice(0, 9);
  return links.map((each, at) => ({ keys: [String(at + 1)], says: `Open ${each.textContent}`, run: () => each.click() }));
}

async function open(client, what, item, mine) {
  const queue = await client.rubric();
  if (mine !== latest) return;
  const parts = { client, queue, drafts, keyboard, onSignedOut: signedOut, onReplaced: replaced };
  current = what === "lead" ? new Lead(parts) : what === "settle" ? new Settling(parts) : new Work(parts);
  document.title = `${queue.title} · Plaudit`;
  draw(current.element);
  await current.begin(item);
}

function replaced(error) {
  location.hash = "";
  addEventListener("hashchange", () => problem(error.message), { once: true });
}

function signedOut() {
  const next = encodeURIComponent(location.pathname);
  problem("You are signed out. What you wrote is kept in this browser. ", make("a", { href: `/sign-in?next=${next}`, textContent: "Sign in again" }));
}

function failed(error) {
  if (!current) draw();
  if (error.code === "signed_out") { signedOut(); return; }
  problem(`${error.message} `, button("Try again", show), place().length ? make("a", { href: "#", className: "button", textContent: "All queues" }) : "");
}

addEventListener("hashchange", show);
show();
