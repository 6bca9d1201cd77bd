// Questions that are answered by choosing: a thumb, a rating, a label, labels.

import { keycap, make } from "./dom.js";
import { Widget } from "./widget.js";

const POSITIONS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

// The values of a question with what is shown and the key that chooses each; keys may run out.
export function choicesOf(question) {
  if (question.kind === "thumb") return [{ value: true, text: "Thumb up", key: "1" }, { value: false, text: "Thumb down", key: "2" }];
  if (question.kind !== "rating") return question.labels.map((value, at) => ({ value, text: value, key: POSITIONS[at] }));
  const values = Array.from({ length: question.maximum - question.minimum + 1 }, (_, at) => question.minimum + at);
  // A figure is its own key where that can be.
  const own = question.minimum >= 0 && question.maximum <= 10;
  const keyOf = (value, at) => (own ? (value === 10 ? (question.minimum > 0 ? "0" : "-") : String(value)) : POSITIONS[at]);
  return values.map((value, at) => ({ value, text: String(value), key: keyOf(value, at) }));
}

export class Choice extends Widget {
  #before = null;

  constructor(question, changed) {
    super(question, changed);
    this.several = question.kind === "labels";
    this.choices = choicesOf(question);
    this.inputs = this.choices.map((choice) => this.#input(choice));
    this.body.classList.toggle("scale", question.kind === "rating");
    this.body.append(...this.inputs.map((input) => input.parentElement));
    if (question.kind === "rating") this.body.setAttribute("aria-label", `from ${question.minimum} to ${question.maximum}`);
  }

  get value() {
    const chosen = this.choices.filter((_, at) => this.inputs[at].checked).map((each) => each.value);
    if (this.several) return chosen.length ? chosen : undefined;
    return chosen[0];
  }

  fill(value) {
    const wanted = this.several ? value ?? [] : [value];
    this.inputs.forEach((input, at) => { input.checked = wanted.includes(this.choices[at].value); });
  }

  press(key) {
    const at = this.choices.findIndex((choice) => choice.key === key);
    if (at < 0) return false;
    this.#toggle(this.inputs[at], this.several ? !this.inputs[at].checked : true);
    return true;
  }

  #input(choice) {
    const input = make("input", { type: this.several ? "checkbox" : "radio", name: `q-${this.question.name}` });
    make("label", { className: "choice" }, input, make("span", { textContent: choice.text, dir: "auto" }), choice.key ? keycap(choice.key) : null);
    input.addEventListener("change", () => this.changed(this, { done: false }));
    // A second click takes an answer back: an optional question may be left out again.
    input.addEventListener("click", () => {
      if (!this.#wasChosen(input) || this.several) return;
      input.checked = false;
      this.changed(this, { done: false });
    });
    input.parentElement.addEventListener("pointerdown", () => { this.#before = input.checked ? input : null; });
    return input;
  }

  // Whether the pointer found it chosen; the click itself has chosen it by now.
  #wasChosen(input) {
    const was = this.#before === input;
    this.#before = null;
    return was;
  }

  #toggle(input, checked) {
    input.checked = checked;
    this.changed(this, { done: !this.several });
  }
}
