// The list of queues, with progress and with drafts that were not sent.

import { button, count, make } from "./dom.js";

const WHAT = { answer: "answers", prompt: "messages", conversation: "conversations", answers: "answers to compare", topic: "prompts to write" };
const link = (queue, ...rest) => `#/${[queue.rubric, queue.version, ...rest].map(encodeURIComponent).join("/")}`;

export function drawQueues({ queues, lead }, drafts, redraw) {
  const parts = [make("h1", { textContent: "Review" })];
  const waiting = drafts.all();
  if (waiting.length) parts.push(drawDrafts(waiting, drafts, redraw));
  if (!queues.length) parts.push(nothing(lead));
  else parts.push(make("ul", { className: "queues" }, ...queues.map((queue) => make("li", {}, drawQueue(queue, lead)))));
  return parts;
}

function nothing(lead) {
  return make("section", {}, make("h2", { textContent: "No queues yet" }),
    make("p", {}, lead ? "Publish a rubric with " : "Queues come with rubrics. A lead publishes one with ", make("code", { textContent: "plaudit review publish FILE" }), "."));
}

function drawQueue(queue, lead) {
  const { progress, mine } = queue;
  const facts = [WHAT[queue.target] ?? queue.target, `${queue.rubric}, version ${queue.version}`, queue.overlap > 1 ? `${queue.overlap} reviewers for each item` : null];
  const card = make("section", { className: "queue" },
    make("h2", { dir: "auto" }, make("a", { href: queue.may_review ? link(queue) : link(queue, "lead"), textContent: queue.title })),
    make("p", { className: "hint", textContent: facts.filter(Boolean).join(" · ") }));
  if (progress) {
    card.append(make("progress", { max: Math.max(progress.items, 1), value: progress.done, "aria-label": "Progress" }),
      make("p", {}, make("b", { textContent: `${progress.done.toLocaleString("en")} of ${count(progress.items, "item")} done` }),
        mine ? make("span", { className: "hint", textContent: ` · you answered ${mine.answered.toLocaleString("en")}${mine.declined ? `, declined ${mine.declined}` : ""}` }) : null));
  } else {
    card.append(make("p", { className: "hint", textContent: "The queue does not answer at the moment." }));
  }
  const actions = make("p", { className: "actions" });
  if (queue.may_review) actions.append(make("a", { className: "button main", href: link(queue), textContent: mine?.leased ? "Go on" : "Review" }));
  if (lead) actions.append(make("a", { className: "button", href: link(queue, "lead"), textContent: "Quality and disagreements" }));
  card.append(actions);
  return card;
}

function drawDrafts(waiting, drafts, redraw) {
  return make("section", { className: "drafts", "aria-labelledby": "drafts-title" },
    make("h2", { id: "drafts-title", textContent: count(waiting.length, "draft that is not sent", "drafts that are not sent") }),
    make("ul", {}, ...waiting.map((draft) => make("li", {},
      make("span", { dir: "auto", textContent: draft.title ?? draft.rubric }), make("span", { className: "hint", textContent: ` from ${new Date(draft.at).toLocaleString()} ` }),
      make("a", { className: "button small", href: link(draft, "item", draft.item), textContent: "Go on" }), " ",
      button("Discard", () => { drafts.remove(draft.item); redraw(); }, { className: "small" })))));
}
