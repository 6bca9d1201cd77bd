// What all questions share: a group with title, help, and a place for what is wrong with the answer.

import { make } from "./dom.js";

export class Widget {
  writes = false; // whether it is answered by typing

  constructor(question, changed) {
    this.question = question;
    this.changed = changed;
    this.wrong = make("p", { className: "wrong", hidden: true });
    this.wrong.id = `wrong-${question.name}`;
    this.body = make("div", { className: "choices" });
    const required = question.required ? null : make("span", { className: "note", textContent: "optional" });
    this.element = make("fieldset", { className: `question ${question.kind}`, tabIndex: -1 },
      make("legend", {}, make("span", { textContent: question.title, dir: "auto" }), required),
      question.help_html ? make("div", { className: "hint help", dir: "auto", innerHTML: question.help_html }) : null,
      this.body, this.wrong);
    this.element.dataset.name = question.name;
  }

  // undefined: not answered.
  get value() { return undefined; }

  fill(_value) {}

  // Takes a key that no shortcut has; true if it was used.
  press(_key) { return false; }

  focus() {
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  suggest(suggestions) {
    if (!suggestions.length) return;
    this.body.after(make("p", { className: "suggestion" }, ...suggestions.map((each) =>
      make("span", {}, "Suggested by ", make("bdi", { textContent: each.agent }), ": ", make("b", { textContent: each.text })))));
  }

  blame(text) {
    this.wrong.hidden = !text;
    this.wrong.textContent = text ?? "";
    if (text) this.element.setAttribute("aria-describedby", this.wrong.id);
    else this.element.removeAttribute("aria-describedby");
  }
}
