// Draws a conversation: one way through its tree, with the other branches a button away.

import { $, ask, copyLink, element, isolated, moment, pairs } from "./asking.js";

let shown = null, chosen = {}, doing = {};

// `actions`: what the buttons of a message do.
export function draw(conversation, wanted, actions) {
  shown = conversation;
  doing = actions;
  chosen = {};
  const target = shown.messages.find((each) => each.id === wanted) ?? shown.messages.at(-1);
  if (target) choosePath(target);
  $("shown-id").replaceChildren(isolated(conversation.id));
  $("state").textContent = stateOf(conversation);
  pairs($("facts"), conversation.facts);
  $("tools").hidden = !conversation.tools;
  $("tools").querySelector("pre").textContent = conversation.tools ?? "";
  drawMessages(wanted);
  drawWhole();
}

function stateOf(conversation) {
  const kind = { live: conversation.open ? "open" : "ended", finished: "finished, from a file", log: "from the log" }[conversation.source];
  const parts = [kind, `${conversation.messages.length} messages`];
  if (conversation.started_ms) parts.push(`started ${moment(conversation.started_ms)}`);
  if (conversation.excluded) parts.push("kept out of training");
  return parts.join(" · ");
}

function parentOf(message) {
  return shown.messages.some((each) => each.id === message.parent) ? message.parent : "";
}

function siblings(parent) {
  return shown.messages.filter((each) => parentOf(each) === parent);
}

function choosePath(message) {
  const met = new Set();
  for (let at = message; at && !met.has(at.id); at = shown.messages.find((each) => each.id === at.parent)) {
    met.add(at.id);
    chosen[parentOf(at)] = at.id;
  }
}

function path() {
  const found = [], met = new Set();
  let parent = "";
  for (;;) {
    const among = siblings(parent).filter((each) => !met.has(each.id));
    if (!among.length) return found;
    const next = among.find((each) => each.id === chosen[parent]) ?? among.at(-1);
    met.add(next.id);
    found.push([next, among]);
    parent = next.id;
  }
}

function drawMessages(focused) {
  $("messages").replaceChildren(...path().map(([message, among]) => drawMessage(message, among, focused)));
}

function drawMessage(message, among, focused) {
  const item = $("message").content.cloneNode(true).firstElementChild;
  item.dataset.role = message.role;
  item.dataset.status = message.status;
  item.dataset.id = message.id;
  item.toggleAttribute("data-chosen", message.id === focused);
  item.querySelector(".who b").textContent = message.role;
  item.querySelector(".who .hint").append(...hints(message));
  drawBranches(item, message, among);
  fill(item, message);
  const reasoning = item.querySelector(".reasoning");
  reasoning.hidden = !message.reasoning_html;
  reasoning.querySelector("div").innerHTML = message.reasoning_html ?? ""; // cleaned by the server
  drawCalls(item, message);
  drawFeedback(item, message);
  pairs(item.querySelector(".more dl"), [["id", message.id], ...message.facts]);
  item.querySelector("[data-do=link]").addEventListener("click", () => copyLink({ message: message.id }));
  offer(item.querySelector("[data-do=correct]"), doing.correct && message.role === "assistant", () => doing.correct(message));
  offer(item.querySelector("[data-do=send]"), doing.send, () => doing.send(message));
  return item;
}

function hints(message) {
  const told = [message.model, message.author && `by ${message.author}`, message.answers_call && `answers ${message.answers_call}`];
  if (message.status !== "complete") told.push(message.status);
  if (message.excluded) told.push("kept out of training");
  told.push(moment(message.at_ms));
  return told.filter(Boolean).flatMap((text, at) => [at ? " · " : "", isolated(text)]);
}

function drawBranches(item, message, among) {
  const branches = item.querySelector(".branches"), at = among.indexOf(message);
  branches.hidden = among.length < 2;
  branches.querySelector("span").textContent = `${at + 1} of ${among.length}`;
  for (const button of branches.querySelectorAll("button")) {
    const next = among[at + Number(button.dataset.step)];
    button.disabled = !next;
    button.addEventListener("click", () => {
      chosen[parentOf(message)] = next.id;
      drawMessages();
      const buttons = [...document.querySelectorAll(`[data-id="${CSS.escape(next.id)}"] .branches button`)];
      (buttons.find((each) => each.dataset.step === button.dataset.step && !each.disabled) ?? buttons.find((each) => !each.disabled))?.focus();
    });
  }
}

function fill(item, message) {
  item.querySelector(".said").innerHTML = message.html; // rendered and cleaned by the server
  const rest = item.querySelector(".rest"), button = rest.querySelector("button");
  rest.hidden = !message.more;
  button.textContent = `Show ${message.more.toLocaleString()} more characters`;
  button.onclick = async () => {
    button.disabled = true;
    try {
      const whole = await wholeMessage(message);
      Object.assign(message, { html: whole.html, text: whole.text, more: 0 });
      fill(item, message);
      item.focus();
    } catch (error) {
      button.textContent = error.message;
    }
    button.disabled = false;
  };
}

export async function wholeMessage(message) {
  if (!message.more) return message;
  const asked = new URLSearchParams({ id: shown.id, message: message.id });
  if (shown.at !== null) asked.set("at", shown.at);
  return ask(`message?${asked}`);
}

function drawCalls(item, message) {
  const list = item.querySelector(".calls");
  list.hidden = !message.calls.length && !message.attachments.length;
  list.replaceChildren(
    ...message.calls.map((call) => {
      const line = element("li", "calls ");
      line.append(element("code", `${call.name}(${call.arguments})`));
      return line;
    }),
    ...message.attachments.map((uri) => {
      const line = element("li", "attached: ");
      line.append(isolated(uri));
      return line;
    }),
  );
}

function drawFeedback(item, message) {
  const list = item.querySelector(".feedback"), given = shown.feedback.filter((each) => each.message === message.id);
  list.hidden = !given.length;
  list.replaceChildren(...given.map(feedbackLine));
}

function feedbackLine(given) {
  const line = element("li", undefined, given.low ? "low" : "");
  line.append(isolated(given.who), ` · ${given.aspect}: `, isolated(given.said));
  if (given.rubric) line.append(" · rubric ", isolated(given.rubric));
  if (given.comment) line.append(" · ", isolated(given.comment));
  if (given.correction) {
    const text = element("p", given.correction, "correction");
    text.dir = "auto";
    line.append(text);
  }
  return line;
}

function drawWhole() {
  const lines = shown.feedback.filter((each) => !each.message).map(feedbackLine);
  for (const each of shown.comparisons) {
    const order = each.ranking.map((group) => group.map(nameOf).join(" = ")).join(" > ") || "taken back";
    const line = element("li");
    line.append(isolated(each.who), ` · ${each.aspect}: `, isolated(order), each.none_acceptable ? " · none acceptable" : "");
    if (each.comment) line.append(" · ", isolated(each.comment));
    lines.push(line);
  }
  $("whole").hidden = !lines.length;
  $("whole").querySelector("ul").replaceChildren(...lines);
}

// An answer as people see it: which of its siblings it is, and the model.
function nameOf(id) {
  const message = shown.messages.find((each) => each.id === id);
  if (!message) return id;
  const number = siblings(parentOf(message)).indexOf(message) + 1;
  return `answer ${number}${message.model ? ` (${message.model})` : ""}`;
}

function offer(button, allowed, act) {
  button.hidden = !allowed;
  if (allowed) button.addEventListener("click", act);
}
