// Draws an item: the conversation up to what is judged, and what is judged.

import { count, isolated, make } from "./dom.js";
import { drawMessage, folded, offerAll } from "./texts.js";

const SHOWN = 4; // messages before what is judged; earlier ones are folded if they are many

const TITLES = {
  answer: "The answer to judge", prompt: "The message to judge", conversation: "The conversation to judge",
  answers: "The answers to compare", topic: "The topic to write about",
};

export function drawItem(item) {
  const parts = [make("h2", { textContent: TITLES[item.kind], id: "item-title", tabIndex: -1 })];
  if (!item.live) parts.push(make("p", { className: "hint", textContent: "This is the copy that the queue has kept: the conversation itself has expired." }));
  if (item.cut) parts.push(make("p", { className: "hint", textContent: "Very long texts are shortened in the middle." }));
  if (item.topic) parts.push(drawTopic(item.topic));
  if (item.tools) parts.push(folded("Tools that the model could call", make("pre", { textContent: item.tools, dir: "ltr", tabIndex: 0 }), "tools"));
  parts.push(...drawPath(item));
  if (item.answer) parts.push(drawMessage(item.answer, { name: "The answer", judged: true }));
  if (item.candidates?.length) parts.push(drawCandidates(item.candidates));
  if (item.others?.length) parts.push(drawOthers(item.others));
  return parts;
}

function drawPath(item) {
  const drawn = item.messages.map((message) =>
    drawMessage(message, { judged: message.id === item.prompt, name: message.id === item.prompt ? "The user's message" : undefined }));
  if (item.kind === "conversation" || drawn.length <= 2 * SHOWN) return drawn;
  const earlier = drawn.splice(0, drawn.length - SHOWN);
  return [folded(count(earlier.length, "earlier message"), earlier, "earlier"), ...drawn];
}

function drawTopic(topic) {
  return make("div", { className: "topic" },
    make("p", {}, "Topic: ", make("strong", {}, isolated(topic.name)), make("span", { className: "hint", textContent: ` number ${topic.number}` })),
    topic.help_html ? make("div", { className: "said", dir: "auto", innerHTML: topic.help_html }) : null);
}

function drawCandidates(candidates) {
  const place = make("div", { className: "candidates" });
  place.dataset.count = candidates.length;
  place.append(...candidates.map((message, at) => drawMessage(message, { name: candidateName(at), judged: true })));
  return place;
}

export const candidateName = (at) => `Answer ${at + 1}`;

function drawOthers(others) {
  const drawn = others.map((message, at) => drawMessage(message, { name: `Other answer ${at + 1}` }));
  return folded(others.length === 1 ? "Another answer to the same message" : `${others.length} other answers to the same message`, drawn, "others");
}

export function showItem(place, item) {
  place.dataset.item = item.id;
  place.replaceChildren(...drawItem(item));
  offerAll(place);
}

// Opens all folded parts, or closes them if all are open.
export function toggleFolds(place) {
  const folds = [...place.querySelectorAll("details")], open = folds.some((each) => !each.open);
  for (const each of folds) each.open = open;
}
