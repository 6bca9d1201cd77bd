// The answers to an item: its questions, which of them is the current one, and a comment.

import { make } from "./dom.js";
import { Choice } from "./choices.js";
import { Ranking } from "./ranking.js";
import { Correction, Writing } from "./writing.js";

const SURE = [["", "not said"], ["0.25", "a guess"], ["0.5", "unsure"], ["0.75", "fairly sure"], ["1", "sure"]];

function widgetOf(question, changed, item, place) {
  if (question.kind === "ranking") return new Ranking(question, changed, item, place);
  if (question.kind === "correction") return new Correction(question, changed, item);
  return ["text", "demonstration", "prompt"].includes(question.kind) ? new Writing(question, changed) : new Choice(question, changed);
}

export class AnswerForm {
  #current = 0;

  // place: where the item is drawn. changed: called after every change of an answer.
  constructor(questions, item, place, changed) {
    this.changed = changed;
    this.widgets = questions.map((question) => widgetOf(question, (widget, how) => this.#answered(widget, how), item, place));
    for (const widget of this.widgets) widget.suggest((item.suggestions ?? []).filter((each) => each.question === widget.question.name));
    this.comment = make("textarea", { rows: 2, dir: "auto", maxLength: 10_000 });
    this.sure = make("select", {}, ...SURE.map(([value, text]) => make("option", { value, textContent: text })));
    this.more = make("details", { className: "folded more" }, make("summary", { textContent: "Comment and confidence" }),
      make("label", { className: "field" }, "Comment", this.comment), make("label", { className: "field" }, "How sure are you?", this.sure));
    for (const field of [this.comment, this.sure]) field.addEventListener("input", () => changed());
    this.element = make("div", { className: "questions" }, ...this.widgets.map((widget) => widget.element), this.more);
    this.element.addEventListener("focusin", (event) => {
      const at = this.widgets.findIndex((widget) => widget.element.contains(event.target));
      if (at >= 0) this.#mark(at);
    });
    this.#mark(0);
  }

  get answers() {
    return Object.fromEntries(this.widgets.map((widget) => [widget.question.name, widget.value]).filter(([, value]) => value !== undefined));
  }

  get content() {
    return { answers: this.answers, comment: this.comment.value.trim(), confidence: this.sure.value ? Number(this.sure.value) : null };
  }

  fill({ answers = {}, comment = "", confidence = null }) {
    for (const widget of this.widgets) {
      if (widget instanceof Correction) this.#followBest();
      widget.fill(answers[widget.question.name]);
    }
    this.comment.value = comment ?? "";
    this.sure.value = confidence === null ? "" : String(confidence);
    this.more.open = Boolean(comment || confidence !== null);
    const open = this.widgets.findIndex((widget) => widget.value === undefined && widget.question.required);
    this.#mark(Math.max(open, 0));
  }

  // The first required question without an answer is marked and gets the focus; true if there is one.
  missing() {
    for (const widget of this.widgets) widget.blame(widget.question.required && widget.value === undefined ? "This question needs an answer." : null);
    const first = this.widgets.findIndex((widget) => !widget.wrong.hidden);
    if (first >= 0) this.#go(first);
    return first >= 0;
  }

  blame(name, text) {
    const at = this.widgets.findIndex((widget) => widget.question.name === name);
    if (at < 0) return false;
    this.widgets[at].blame(text);
    this.#go(at);
    return true;
  }

  // Moves to the next question, or the one before.
  step(by) {
    this.#go((this.#current + by + this.widgets.length) % this.widgets.length);
  }

  press(key) {
    return this.widgets[this.#current]?.press(key) ?? false;
  }

  // Begins to write if the current question wants that and has no answer; true if it did.
  write() {
    const widget = this.widgets[this.#current];
    if (!widget?.writes || widget.value !== undefined || !widget.question.required || widget.area.disabled) return false;
    widget.area.focus();
    return true;
  }

  writeNow() {
    const widget = this.widgets[this.#current]?.writes ? this.widgets[this.#current] : this.widgets.find((each) => each.writes);
    widget?.area.focus();
  }

  leave() {
    this.widgets[this.#current]?.focus();
  }

  focusComment() {
    this.more.open = true;
    this.comment.focus();
  }

  #answered(widget, { done }) {
    widget.blame(null);
    if (widget instanceof Ranking) this.#followBest();
    this.changed();
    if (!done) return;
    const at = this.widgets.indexOf(widget), order = [...this.widgets.keys()].map((step) => (at + 1 + step) % this.widgets.length);
    const next = order.find((index) => this.widgets[index].value === undefined && this.widgets[index].question.required);
    if (next !== undefined) this.#go(next);
  }

  #followBest() {
    const ranking = this.widgets.find((each) => each instanceof Ranking);
    if (ranking) for (const each of this.widgets) if (each instanceof Correction) each.follow(ranking.best);
  }

  #go(at) {
    this.#mark(at);
    this.widgets[at].focus();
  }

  #mark(at) {
    this.#current = at;
    this.widgets.forEach((widget, index) => widget.element.toggleAttribute("data-current", index === at));
  }
}
