// Draws messages: rendered Markdown from the server, folded reasoning, tool calls, and long texts cut by height.

import { button, isolated, make } from "./dom.js";

const ROLES = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };
const STATUS = { partial: "The answer is not complete.", cut: "The answer was cut off.", error: "The answer failed." };

export function drawMessage(message, { name, judged = false, level = 3 } = {}) {
  const title = name ?? ROLES[message.role] ?? message.role;
  const article = make("article", { className: "message", "aria-label": title });
  article.dataset.role = message.role;
  article.dataset.id = message.id;
  if (judged) article.dataset.judged = "";
  const said = make("div", { className: "said", dir: "auto", innerHTML: message.html });
  article.append(make("header", { className: "who" }, make(`h${level}`, { textContent: title }), ...notes(message)));
  if (message.reasoning_html) article.append(folded("Reasoning", make("div", { className: "said quiet", dir: "auto", innerHTML: message.reasoning_html }), "reasoning"));
  if (message.text || message.html) article.append(said);
  else if (!message.calls.length) article.append(make("p", { className: "hint", textContent: "(empty)" }));
  article.append(...message.calls.map(drawCall), ...message.attachments.map(drawAttachment));
  return article;
}

function notes(message) {
  const told = [];
  if (message.answers_call) told.push(`result of ${message.answers_call}`);
  if (message.siblings) told.push(message.siblings === 1 ? "one other branch here" : `${message.siblings} other branches here`);
  if (message.cut) told.push("shortened in the middle");
  if (STATUS[message.status]) told.push(STATUS[message.status]);
  return told.map((text) => make("span", { className: "note", textContent: text }));
}

function drawCall(call) {
  const shown = typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments, null, 2);
  return folded(["Calls ", make("code", {}, isolated(call.name))], make("pre", { textContent: pretty(shown), dir: "ltr", tabIndex: 0 }), "call");
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function drawAttachment(attachment) {
  return make("p", { className: "hint" }, `Attachment (${attachment.media_type ?? "unknown type"}): `, isolated(attachment.uri));
}

export function folded(title, content, kind, open = false) {
  const made = make("details", { className: `folded ${kind}`, open }, make("summary", {}, ...[title].flat()), ...[content].flat());
  // What was closed had no height: whether it is long shows once it is open.
  made.addEventListener("toggle", () => { if (made.open) offerAll(made); });
  return made;
}

// A text that does not fit gets a button. It can be asked only once the text is on the page.
export function offerAll(place) {
  for (const said of place.querySelectorAll(".said:not([data-seen])")) {
    if (!said.clientHeight) continue;
    said.dataset.seen = "";
    if (said.scrollHeight <= said.clientHeight + 4) continue;
    said.classList.add("long");
    const more = button("Show all", () => {
      const open = said.classList.toggle("open");
      more.textContent = open ? "Show less" : "Show all";
      more.setAttribute("aria-expanded", String(open));
    }, { className: "small" });
    more.setAttribute("aria-expanded", "false");
    said.after(more);
  }
}
