// Questions that are answered by writing: a text, a correction, a demonstration, a prompt.

import { button, count, keycap, make } from "./dom.js";
import { Widget } from "./widget.js";

const ROWS = { text: 3, correction: 10, demonstration: 12, prompt: 6 };

export class Writing extends Widget {
  writes = true;

  constructor(question, changed) {
    super(question, changed);
    this.area = make("textarea", { rows: ROWS[question.kind], dir: "auto", spellcheck: true, "aria-label": question.title });
    this.area.dataset.kind = question.kind;
    this.counted = make("span", { className: "hint" });
    this.foot = make("p", { className: "written" }, this.counted);
    this.area.addEventListener("input", () => this.edited());
    this.body.append(this.area, this.foot);
    this.edited(false);
  }

  get value() {
    return this.area.value.trim() ? this.area.value : undefined;
  }

  fill(value) {
    this.area.value = value ?? "";
    this.edited(false);
  }

  edited(tell = true) {
    const words = this.area.value.trim() ? this.area.value.trim().split(/\s+/u).length : 0;
    this.counted.textContent = `${count(words, "word")}, ${count([...this.area.value].length, "character")}`;
    if (tell) this.changed(this, { done: false });
  }
}

// A correction begins with the original, and is an answer only where it differs from it.
export class Correction extends Writing {
  #original = "";

  constructor(question, changed, item) {
    super(question, changed);
    this.candidates = item.candidates ?? [];
    this.again = button("Begin with the original again", () => { this.area.value = this.#original; this.edited(); this.area.focus(); }, { className: "small" });
    this.right = make("input", { type: "checkbox" });
    this.right.addEventListener("change", () => this.changed(this, { done: this.right.checked }));
    this.foot.append(" ", this.again);
    // A required correction of an answer that needs none.
    if (question.required) this.foot.after(make("label", { className: "choice" }, this.right, make("span", { textContent: "It is right as it is" }), keycap("1")));
    this.origin = make("details", { className: "folded original" }, make("summary", { textContent: "The original, as it was written" }), make("pre", { className: "plain", dir: "auto", tabIndex: 0 }));
    this.body.before(this.origin);
    if (item.answer) this.#begin(item.answer.text);
    else this.follow(null);
  }

  get value() {
    if (this.area.disabled) return undefined;
    return this.area.value === this.#original && !this.right.checked ? undefined : super.value;
  }

  fill(value) {
    super.fill(value ?? this.#original);
    this.right.checked = value !== undefined && value === this.#original;
  }

  press(key) {
    if (key !== "1" || !this.question.required) return false;
    this.right.click();
    return true;
  }

  // The best ranked answer is the one that is corrected; what was written stays.
  follow(best) {
    if (!this.candidates.length) return;
    const message = this.candidates.find((each) => each.id === best);
    this.area.disabled = this.again.disabled = !message;
    this.area.placeholder = message ? "" : "Rank one answer best, then correct it here.";
    if (message && message.text !== this.#original) this.#begin(message.text);
  }

  #begin(original) {
    const untouched = !this.area.value || this.area.value === this.#original;
    this.#original = original;
    this.origin.querySelector("pre").textContent = original;
    if (untouched) { this.area.value = original; this.edited(false); }
  }
}
