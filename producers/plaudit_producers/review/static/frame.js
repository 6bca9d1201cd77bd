// The bar above an item, and the two columns below it. Work on a queue and adjudication both use them.

import { button, make } from "./dom.js";

export class ItemFrame {
  constructor(title, tools) {
    this.progress = make("progress", { max: 1, value: 0, "aria-label": "Progress of the queue" });
    this.told = make("span", { className: "hint" });
    this.context = make("section", { className: "context", "aria-labelledby": "item-title" });
    this.notice = make("div", { className: "notice", role: "status", hidden: true });
    this.form = make("form", { className: "answers", "aria-label": "Your answers", noValidate: true });
    this.columns = make("div", { className: "columns" }, this.context, this.form);
    this.other = make("section", { className: "other", hidden: true });
    this.element = make("div", { className: "work" },
      make("div", { className: "bar" }, make("a", { href: "#", className: "back", textContent: "Queues" }),
        make("h1", { textContent: title, dir: "auto" }), make("div", { className: "progress" }, this.progress, this.told),
        make("div", { className: "tools" }, ...tools)),
      this.notice, this.columns, this.other);
  }

  // Shows the columns, or else a page of its own.
  show(other = null) {
    this.columns.hidden = Boolean(other);
    this.other.hidden = !other;
    this.other.replaceChildren(...(other ?? []));
  }

  tell(text, actions = [], kind = "") {
    this.notice.hidden = !text;
    this.notice.className = `notice ${kind}`;
    this.notice.replaceChildren(make("span", { textContent: text ?? "" }), ...actions);
  }

  // While a submission is under way, nothing in it may change.
  busy(on) {
    this.form.toggleAttribute("data-busy", on);
    this.form.setAttribute("aria-busy", String(on));
    for (const each of this.form.querySelectorAll("fieldset, .more, .send")) each.inert = on;
  }

  filled(form, actions) {
    this.form.replaceChildren(form.element, make("div", { className: "send" }, ...actions));
  }
}

export const sendButton = (text) => {
  const made = button(text, () => {}, { className: "main", key: "⏎" });
  made.type = "submit";
  return made;
};
