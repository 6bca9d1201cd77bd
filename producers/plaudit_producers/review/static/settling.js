// Adjudication: what reviewers disagree on, all their answers, and the lead's word.

import { button, hear, make, problem } from "./dom.js";
import { showGuidelines, showHelp } from "./dialogs.js";
import { AnswerForm } from "./form.js";
import { ItemFrame, sendButton } from "./frame.js";
import { candidateName, showItem, toggleFolds } from "./item.js";
import { bodyOf, Sending } from "./sending.js";

const FREE = new Set(["text", "correction", "demonstration", "prompt"]); // texts differ without a disagreement

export class Settling {
  constructor({ client, queue, drafts, keyboard, onSignedOut }) {
    Object.assign(this, { client, queue, drafts, keyboard, onSignedOut });
    this.frame = new ItemFrame(queue.title, [
      button("Skip", () => this.next(), { key: "n" }), button("Guidelines", () => showGuidelines(queue.guidelines_html), { key: "g" }),
      button("Keys", () => showHelp(keyboard.bindings), { key: "?" }),
    ]);
    this.frame.progress.hidden = true;
    this.frame.element.querySelector(".back").replaceWith(make("a", { href: this.#back(), className: "back", textContent: "Quality" }));
    this.frame.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.element = this.frame.element;
    this.seen = new Set();
  }

  async begin(item) {
    this.keyboard.use(this.#bindings(), (key) => Boolean(this.form && !this.sending && this.form.press(key)));
    await this.#try(async () => this.show(await this.client.answers(item)));
  }

  end() {
    this.sending?.stop();
    this.ended = true;
  }

  // The next disagreement that the lead may settle and has not passed by.
  async next() {
    if (this.sending) return;
    await this.#try(async () => {
      const { items } = await this.client.disagreements();
      if (this.ended) return;
      const next = items.find((each) => !each.mine && !this.seen.has(each.item));
      if (next) this.show(await this.client.answers(next.item));
      else this.#finished();
    });
  }

  show({ item, answers, adjudicated, declined, reasons }) {
    if (this.ended) return;
    problem("");
    this.item = item;
    this.seen.add(item.id);
    this.frame.show();
    this.frame.busy(false);
    this.frame.tell("");
    showItem(this.frame.context, item);
    this.frame.context.querySelector("h2").after(this.#said(answers, adjudicated, declined, item));
    this.frame.told.textContent = `Chosen because: ${reasons.join(", ")}`;
    this.form = new AnswerForm(this.queue.questions, item, this.frame.context, () => this.drafts.write((this.draft = { ...this.draft, ...this.form.content })));
    this.frame.filled(this.form, [sendButton("Settle")]);
    this.draft = this.drafts.begin(this.queue, item);
    this.form.fill(this.draft);
    document.getElementById("item-title").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  async send() {
    if (!this.item || this.sending || this.form.missing()) return;
    const item = this.item, draft = { ...this.draft, ...this.form.content };
    this.sending = new Sending(() => this.client.adjudicate(item.id, bodyOf(draft)), (error, seconds) => this.#away(error, seconds));
    this.frame.busy(true);
    let settled = false;
    await this.#try(async () => { settled = Boolean(await this.sending.run()); });
    this.sending = null;
    this.frame.busy(false);
    if (!settled) return;
    this.drafts.remove(item.id);
    hear("Settled.");
    await this.next();
  }

  #said(answers, adjudicated, declined, item) {
    const people = [...answers.map((each) => [each.reviewer, each.answers, each.surplus ? "beside the others" : ""]), ...Object.entries(adjudicated ?? {}).map(([person, said]) => [person, said, "settled it"])];
    const rows = this.queue.questions.map((question) => {
      const said = people.map(([, given]) => spoken(given[question.name], item));
      return make("tr", { "data-differs": !FREE.has(question.kind) && new Set(said).size > 1 }, make("th", { scope: "row", textContent: question.title, dir: "auto" }),
        ...said.map((text) => make("td", { dir: "auto", textContent: text })));
    });
    const heads = people.map(([person, , note]) => make("th", { scope: "col" }, make("bdi", { textContent: person }), note ? make("span", { className: "note", textContent: note }) : null));
    const left = Object.entries(declined ?? {}).map(([person, reason]) => make("p", { className: "hint" }, make("bdi", { textContent: person }), " declined: ", make("bdi", { textContent: reason })));
    return make("section", { className: "said-by", "aria-label": "What reviewers said" }, make("h3", { textContent: "What reviewers said" }),
      make("div", { className: "scroller", tabIndex: 0 }, make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows))), ...left);
  }

  #finished() {
    this.item = this.form = null;
    this.frame.show([make("h2", { textContent: "Nothing left to settle", tabIndex: -1 }), make("p", { className: "actions" }, make("a", { className: "button main", href: this.#back(), textContent: "Back to quality" }))]);
    hear("Nothing is left to settle.");
  }

  #away(error, seconds) {
    this.frame.tell(`Not sent yet: ${error.message} Trying again in ${seconds} s.`, [button("Try now", () => this.sending?.now()), button("Stop and edit", () => this.sending?.stop())], "bad");
  }

  #back() {
    return `#/${encodeURIComponent(this.queue.rubric)}/${encodeURIComponent(this.queue.version)}/lead`;
  }

  async #try(run) {
    try {
      await run();
    } catch (error) {
      if (this.ended) return;
      if (error.code === "signed_out") this.onSignedOut();
      else if (!(error.code === "answers" && error.question && this.form?.blame(error.question, error.message))) problem(`${error.message} `, button("Next", () => this.next()));
    }
  }

  #bindings() {
    const withForm = (run) => () => { if (this.form && !this.sending) run(this.form); };
    return [
      { keys: ["?"], says: "Show these keys", run: () => showHelp(this.keyboard.bindings) },
      { keys: [], shown: ["1", "…", "9", "0"], says: "Choose in the marked question" },
      { keys: ["j"], says: "Next question", run: withForm((form) => form.step(1)) },
      { keys: ["k"], says: "Question before", run: withForm((form) => form.step(-1)) },
      { keys: ["e"], says: "Write in the marked question", run: withForm((form) => form.writeNow()) },
      { keys: ["Escape"], says: "Leave the field, so that keys work again", typing: true, run: withForm((form) => form.leave()) },
      { keys: ["Enter"], says: "Settle", run: withForm((form) => { if (!form.write()) this.send(); }) },
      { keys: ["Ctrl+Enter"], says: "Settle, also while you write", typing: true, run: () => this.send() },
      { keys: ["n"], says: "Skip to the next one", run: () => this.next() },
      { keys: ["c"], says: "Write a comment", run: withForm((form) => form.focusComment()) },
      { keys: ["g"], says: "Guidelines", run: () => showGuidelines(this.queue.guidelines_html) },
      { keys: ["o"], says: "Open or close everything that is folded", run: () => toggleFolds(this.frame.context) },
      { keys: ["q"], says: "Back to quality", run: () => this.keyboard.leave(this.#back()) },
    ];
  }
}

// An answer in words.
export function spoken(answer, item) {
  if (answer === undefined || answer === null) return "–";
  if (typeof answer === "boolean") return answer ? "thumb up" : "thumb down";
  if (Array.isArray(answer)) return answer.join(", ");
  if (typeof answer !== "object") return String(answer);
  const ids = (item.candidates ?? []).map((each) => each.id);
  const order = answer.groups.map((group) => group.map((id) => candidateName(ids.indexOf(id))).sort().join(" = ")).join(" > ");
  return answer.none_acceptable ? `${order} (none acceptable)` : order;
}
