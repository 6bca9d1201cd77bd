// The lead's view of a queue: agreement, reviewers, models against people, throughput, and what to settle.

import { button, count, make, problem } from "./dom.js";
import { showGuidelines, showHelp } from "./dialogs.js";
import { alphaCell, bars, cell, decimals, head, shareCell, table } from "./figures.js";

const LOOK_AGAIN_MS = 15_000;
const WHY = { controls: "control questions", majority: "what others said" };

export class Lead {
  #timer = 0;

  constructor({ client, queue, keyboard, onSignedOut }) {
    Object.assign(this, { client, queue, keyboard, onSignedOut });
    this.place = make("div", { className: "lead-parts" });
    this.element = make("div", { className: "lead" },
      make("div", { className: "bar" }, make("a", { href: "#", className: "back", textContent: "Queues" }), make("h1", { textContent: queue.title, dir: "auto", tabIndex: -1 }),
        make("div", { className: "tools" }, button("Refresh", () => this.begin(), { key: "r" }), button("Guidelines", () => this.guidelines(), { key: "g" }),
          button("Keys", () => showHelp(keyboard.bindings), { key: "?" }))),
      this.place);
  }

  async begin() {
    this.keyboard.use([
      { keys: ["?"], says: "Show these keys", run: () => showHelp(this.keyboard.bindings) },
      { keys: ["s", "Enter"], says: "Settle the first disagreement", run: () => this.settle() },
      { keys: ["r"], says: "Refresh", run: () => this.begin() },
      { keys: ["g"], says: "Guidelines", run: () => this.guidelines() },
      { keys: ["q"], says: "Back to the queues", run: () => this.keyboard.leave("") },
    ]);
    await this.#look();
  }

  end() {
    clearTimeout(this.#timer);
    this.ended = true;
  }

  // The figures are some seconds old when they come, and people go on: it looks again by itself.
  async #look() {
    clearTimeout(this.#timer);
    try {
      const [figures, waiting] = await Promise.all([this.client.quality(), this.client.disagreements()]);
      if (this.ended) return;
      problem("");
      this.#draw(figures, waiting);
    } catch (error) {
      if (this.ended) return;
      if (error.code === "signed_out") { this.onSignedOut(); return; }
      problem(`${error.message} `, button("Try again", () => this.begin()));
    }
    this.#lookLater();
  }

  #lookLater() {
    clearTimeout(this.#timer);
    const mustWait = () => document.hidden || !getSelection().isCollapsed;
    this.#timer = setTimeout(() => (mustWait() ? this.#lookLater() : this.#look()), LOOK_AGAIN_MS);
  }

  // Whoever is in the page with the keyboard stays where they are.
  #draw(figures, waiting) {
    const name = (each) => each.hash || each.getAttribute("aria-label");
    const focused = this.place.contains(document.activeElement) ? name(document.activeElement) : null;
    this.place.replaceChildren(...this.#sections(figures, waiting));
    if (focused) [...this.place.querySelectorAll("a, [tabindex]")].find((each) => name(each) === focused)?.focus({ preventScroll: true });
  }

  settle() {
    const first = this.place.querySelector("a.settle");
    if (first) this.keyboard.leave(first.hash);
  }

  guidelines() {
    showGuidelines(this.queue.guidelines_html);
  }

  #sections(figures, waiting) {
    return [
      section("Progress", this.#progress(figures), `Counted at ${new Date(figures.computed_at).toLocaleTimeString("en-GB")}. The page looks again by itself.`),
      section("Disagreements to settle", this.#waiting(waiting)),
      section("Agreement", this.#agreement(figures.questions), "Krippendorff's alpha: 1 is full agreement, 0 is what chance gives. The range is its 95 % interval."),
      section("Reviewers", this.#reviewers(figures.reviewers), "Control questions have known answers. “As others” is against what most other reviewers said, or the lead who settled it."),
      section("Models against people", this.#machines(figures.machines), "For each label: of what the model called so, how much people called so (precision), and the other way round (recall)."),
      section("Throughput", this.#days(figures.days)),
    ];
  }

  #progress({ items, random }) {
    const facts = [["items", items.total], ["judged", items.judged], ["judged by two or more", items.judged_twice], ["to settle", items.waiting], ["settled", items.settled]];
    // An honest sample needs its answers: what is declined may be what is hard.
    if (random?.items) facts.push(["of the random share answered", `${random.answered} of ${random.items}${random.declined ? `, ${random.declined} declined` : ""}`]);
    return make("dl", { className: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value.toLocaleString("en") }))));
  }

  #waiting({ items, more }) {
    if (!items.length) return make("p", { className: "hint", textContent: "Reviewers do not disagree on any complete item." });
    const names = Object.fromEntries(this.queue.questions.map((each) => [each.name, each.title]));
    const rows = items.map((each, at) => make("li", {},
      each.mine ? make("span", { className: "hint", textContent: `Item ${at + 1}: you answered it, so somebody else settles it` })
        : make("a", { className: "settle", href: `${location.hash.replace(/\/lead.*/, "")}/settle/${encodeURIComponent(each.item)}`, textContent: `Settle item ${at + 1}` }),
      make("span", { className: "hint", dir: "auto", textContent: ` · ${count(each.verdicts, "answer")} · ${each.questions.map((name) => names[name] ?? name).join(", ")}` })));
    return make("div", {}, make("ol", { className: "waiting" }, ...rows), more ? make("p", { className: "hint", textContent: "There are more." }) : null);
  }

  #agreement(questions) {
    const rows = questions.map((each) => make("tr", {}, head(each.title), alphaCell(each.alpha), cell(each.metric), cell(each.alpha?.items), cell(each.alpha?.raters)));
    return table("Agreement by question", ["Question", "Alpha", "Metric", "Items", "Reviewers"], rows);
  }

  #reviewers(reviewers) {
    const rows = reviewers.map((each) => {
      const row = make("tr", {}, head(each.reviewer, each.careless ? make("strong", { className: "careless", textContent: `Look at: below the others on ${each.why.map((why) => WHY[why] ?? why).join(" and ")}` }) : null), cell(each.answered), cell(each.declined), cell(each.median_seconds === null ? null : `${Math.round(each.median_seconds)} s`),
        shareCell(each.controls), shareCell(each.majority));
      row.toggleAttribute("data-careless", each.careless);
      return row;
    });
    return table("Reviewers", ["Reviewer", "Answered", "Declined", "Median time", "Control questions", "As others"], rows);
  }

  #machines(machines) {
    const rows = machines.flatMap((each) => each.per_label.map((label, at) => make("tr", {},
      at ? cell("") : head([each.model, each.aspect, each.label].filter(Boolean).join(", ")), cell(at ? "" : this.queue.questions.find((one) => one.name === each.question)?.title ?? each.question),
      at ? cell("") : shareCell(each.accuracy), cell(label.label), cell(label.count), cell(decimals(label.precision)), cell(decimals(label.recall)), cell(decimals(label.correlation)))));
    return table("Models against people", ["Model", "Question", "Accuracy", "Label", "Said by people", "Precision", "Recall", "Correlation"], rows, "No model has judged what people judged.");
  }

  #days(days) {
    if (!days.length) return make("p", { className: "hint", textContent: "No verdicts yet." });
    const rows = days.slice(-14).reverse().map((day) => make("tr", {}, head(day.day), cell(day.verdicts), cell(day.reviewers), cell(day.median_seconds === null ? null : `${Math.round(day.median_seconds)} s`)));
    return make("div", {}, days.length > 1 ? bars(days) : null, table("Verdicts by day", ["Day (UTC)", "Verdicts", "Reviewers", "Median time"], rows));
  }
}

function section(title, content, hint = "") {
  return make("section", { "aria-label": title }, make("h2", { textContent: title }), hint ? make("p", { className: "hint", textContent: hint }) : null, content);
}
