// The question that ranks answers, by keys and by pointer: press the best first, then the next.

import { button, hear, keycap, make } from "./dom.js";
import { moved, parted, placed, ranks, shortened, tied } from "./groups.js";
import { candidateName } from "./item.js";
import { Widget } from "./widget.js";

export class Ranking extends Widget {
  #groups = [];

  constructor(question, changed, item, place) {
    super(question, changed);
    this.ids = item.candidates.map((each) => each.id);
    this.place = place; // where the candidates are drawn: each shows its rank
    this.pair = this.ids.length === 2;
    this.buttons = this.ids.map((id, at) => button(candidateName(at), () => this.#put(id), { key: String(at + 1), label: this.pair ? `${candidateName(at)} is better` : undefined }));
    this.tie = button(this.pair ? "Tie" : "Tie with the one before", () => this.#tie(), { key: "=" });
    this.back = button("Take back", () => this.#change(shortened(this.#groups)), { key: "⌫" });
    this.list = make("ol", { className: "ranks", "aria-label": "Ranking, best first" });
    this.none = make("input", { type: "checkbox" });
    this.none.addEventListener("change", () => this.#noneChanged());
    const none = make("label", { className: "choice" }, this.none, make("span", { textContent: this.pair ? "Neither is acceptable" : "None is acceptable" }), keycap("0"));
    const hint = make("p", { className: "hint", textContent: this.pair ? "Which answer is better?" : "Press the answers from the best to the worst." });
    if (this.pair) this.body.append(make("div", { className: "placing pair" }, this.buttons[0], this.tie, this.buttons[1]), none);
    else this.body.append(hint, make("div", { className: "placing" }, ...this.buttons), make("div", { className: "placing" }, this.tie, this.back), this.list, none);
    this.#draw();
  }

  get complete() {
    return this.#groups.flat().length === this.ids.length;
  }

  get value() {
    return this.complete ? { groups: this.#groups, none_acceptable: this.none.checked } : undefined;
  }

  // The answer that is ranked best, if it is one.
  get best() {
    return this.complete && this.#groups[0].length === 1 ? this.#groups[0][0] : null;
  }

  fill(value) {
    this.#groups = value?.groups ?? [];
    this.none.checked = value?.none_acceptable ?? false;
    this.#draw();
  }

  press(key) {
    const at = Number(key) - 1;
    if (/^[1-8]$/.test(key) && at < this.ids.length) this.#put(this.ids[at]);
    else if (key === "=") this.#tie();
    else if (key === "Backspace") this.#change(shortened(this.#groups));
    else if (key === "0") { this.none.checked = !this.none.checked; this.#noneChanged(); }
    else return false;
    return true;
  }

  #put(id) {
    this.#change(placed(this.#groups, id, this.ids));
  }

  #tie() {
    // With nothing placed, all are as good as each other.
    if (!this.#groups.length) this.#change([[...this.ids]]);
    else this.#change(this.pair && this.#groups.length === 1 ? this.#groups : tied(this.#groups, this.#groups.length - 1));
  }

  // Answers of which none is acceptable need no order, but may have one.
  #noneChanged() {
    if (this.none.checked && !this.#groups.length) this.#groups = [[...this.ids]];
    this.#change(this.#groups);
  }

  #change(groups) {
    this.#groups = groups;
    this.#draw();
    hear(this.#spoken());
    this.changed(this, { done: this.complete });
  }

  #spoken() {
    if (!this.#groups.length) return "Nothing is ranked.";
    const told = this.#groups.map((group) => group.map((id) => candidateName(this.ids.indexOf(id))).join(" ties with ")).join(", then ");
    return `${told}.${this.none.checked ? " None is acceptable." : ""}${this.complete ? "" : " Not complete."}`;
  }

  #draw() {
    const found = ranks(this.#groups), sizes = new Map(this.#groups.flatMap((group) => group.map((id) => [id, group.length])));
    this.ids.forEach((id, at) => {
      const pressed = this.pair ? this.complete && this.best === id : found.has(id);
      this.buttons[at].setAttribute("aria-pressed", String(pressed));
    });
    this.tie.setAttribute("aria-pressed", String(this.complete && this.#groups.length === 1));
    this.tie.disabled = !this.pair && this.#groups.length === 1 && !this.complete;
    this.back.disabled = !this.#groups.length;
    this.list.replaceChildren(...this.#groups.map((group, at) => this.#row(group, at)));
    for (const id of this.ids) this.#mark(id, found.get(id), sizes.get(id));
  }

  #row(group, at) {
    const names = group.map((id) => {
      const name = candidateName(this.ids.indexOf(id));
      return make("span", { className: "ranked" }, name,
        button("↑", () => this.#change(moved(this.#groups, id, -1)), { className: "small", label: `${name} up` }),
        button("↓", () => this.#change(moved(this.#groups, id, 1)), { className: "small", label: `${name} down` }));
    });
    const tie = at ? button("= tie with above", () => this.#change(tied(this.#groups, at)), { className: "small" }) : null;
    const part = group.length > 1 ? button("part", () => this.#change(parted(this.#groups, at)), { className: "small", label: "Part the tie" }) : null;
    return make("li", { value: ranks(this.#groups).get(group[0]) }, ...names, tie, part);
  }

  #mark(id, rank, size) {
    const article = [...this.place.querySelectorAll(".candidates > article")].find((each) => each.dataset.id === id);
    if (!article) return;
    article.toggleAttribute("data-best", rank === 1 && size === 1 && this.complete);
    let badge = article.querySelector(".rank");
    if (!badge) article.querySelector("header").append((badge = make("span", { className: "rank" })));
    badge.hidden = !rank;
    badge.textContent = rank ? `${size > 1 ? "tied " : ""}${rank}.` : "";
  }
}
