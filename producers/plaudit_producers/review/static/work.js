// Work on a queue: an item comes, its answers go, and the next one is there.

import { button, count, hear, make, problem } from "./dom.js";
import { askReason, showGuidelines, showHelp } from "./dialogs.js";
import { AnswerForm } from "./form.js";
import { ItemFrame, sendButton } from "./frame.js";
import { showItem, toggleFolds } from "./item.js";
import { Lease } from "./lease.js";
import { nothingLeft, ownQuality } from "./own.js";
import { bodyOf, Sending } from "./sending.js";

const LOOK_AGAIN_MS = 20_000, QUALITY_EVERY = 5, READ = "plaudit-review-read:";

export class Work {
  #timer = 0;
  #done = 0;

  constructor({ client, queue, drafts, keyboard, onSignedOut, onReplaced }) {
    Object.assign(this, { client, queue, drafts, keyboard, onSignedOut, onReplaced });
    this.undoButton = button("Undo", () => this.undo(), { key: "u" });
    this.frame = new ItemFrame(queue.title, [
      this.undoButton, button("Guidelines", () => this.guidelines(), { key: "g" }), button("Keys", () => showHelp(this.keyboard.bindings), { key: "?" }),
    ]);
    this.quality = make("p", { className: "hint quality" });
    this.frame.element.append(this.quality);
    this.frame.form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.element = this.frame.element;
    this.#progress(queue);
  }

  async begin(item = null) {
    this.keyboard.use(this.#bindings(), (key) => Boolean(this.form && !this.sending && this.form.press(key)));
    this.#firstGuidelines();
    this.#ownQuality();
    await (item ? this.#try(async () => this.show((await this.client.open(item)).item)) : this.next());
  }

  // Leaves the queue. The item goes back to the others unless something is written already.
  end() {
    clearTimeout(this.#timer);
    this.lease?.end();
    this.sending?.stop();
    this.ended = true;
    if (!this.sending) this.#giveBack(this.item);
  }

  #giveBack(item) {
    if (item && !this.drafts.read(item.id)) this.client.release(item.id).catch(() => {});
  }

  async next() {
    if (this.ended) return;
    await this.#try(async () => {
      const { item, queue } = await this.client.next();
      this.#progress(queue);
      this.show(item);
    });
  }

  show(item, given = null) {
    if (this.ended) { this.#giveBack(item); return; } // it came after the reviewer had left
    clearTimeout(this.#timer);
    this.lease?.end();
    problem("");
    this.frame.tell("");
    this.frame.busy(false);
    this.item = item;
    if (!item) { this.#empty(); return; }
    this.frame.show();
    showItem(this.frame.context, item);
    this.form = new AnswerForm(this.queue.questions, item, this.frame.context, () => this.#edited());
    this.frame.filled(this.form, [sendButton("Send"), button("Decline", () => this.decline(), { key: "d" })]);
    this.draft = this.drafts.begin(this.queue, item);
    if (given) this.draft = { ...this.draft, answers: given };
    this.form.fill(this.draft);
    if (Object.keys(this.draft.answers).length && !given) this.frame.tell("Your draft is here again.");
    this.lease = new Lease(this.client, item, { onLost: () => this.#lost(), onGone: () => this.#gone() });
    document.getElementById("item-title").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  async send() {
    if (!this.item || this.sending || this.form.missing()) return;
    const item = this.item, draft = this.#saved({ sending: true });
    this.sending = new Sending(
      () => this.client.submit(item.id, { ...bodyOf(draft), next: true }),
      (error, seconds) => this.#away(error, seconds));
    this.frame.busy(true);
    await this.#settle(async () => {
      const answer = await this.sending.run();
      if (!answer) return false;
      this.drafts.remove(item.id);
      this.#done += 1;
      this.#sent(answer);
      return true;
    });
  }

  async decline() {
    if (!this.item || this.sending) return;
    const item = this.item, reason = await askReason();
    if (reason === null || this.item !== item) return;
    this.sending = new Sending(() => this.client.decline(item.id, { reason, next: true }), (error, seconds) => this.#away(error, seconds));
    this.frame.busy(true);
    await this.#settle(async () => {
      const answer = await this.sending.run();
      if (!answer) return false;
      this.drafts.remove(item.id);
      this.#sent({ ...answer, outcome: "declined" });
      return true;
    });
  }

  async undo() {
    if (this.sending || this.undoButton.disabled) return;
    await this.#try(async () => {
      const { item, answers, queue } = await this.client.undo();
      this.#progress(queue);
      this.drafts.remove(item.id);
      if (this.ended) { this.drafts.write({ ...this.drafts.begin(this.queue, item), answers }); return; }
      this.show(item, answers);
      this.#saved();
      this.undoButton.disabled = true;
      this.frame.tell("Your last answer was taken back. Change it and send it again.");
    });
  }

  guidelines() {
    showGuidelines(this.queue.guidelines_html);
  }

  // Runs the sending of one item, and puts everything right again if it fails.
  async #settle(run) {
    try {
      if (!(await run())) { this.#saved({ sending: false }); this.frame.tell("Not sent. Your answers are kept in this browser."); }
    } catch (error) {
      this.#saved({ sending: false });
      this.frame.tell("");
      if (error.code === "no_item") this.#gone();
      else if (!(error.code === "answers" && error.question && this.form.blame(error.question, error.message))) this.#failed(error);
    } finally {
      this.sending = null;
      this.frame.busy(false);
    }
  }

  #sent(answer) {
    this.sending = null;
    const told = { surplus: "Sent. Others had answered it meanwhile, so your answer is kept beside theirs.", gone: "The item was erased meanwhile.", declined: "Declined." }[answer.outcome];
    this.#progress(answer.queue);
    hear(told ?? "Sent.");
    if (this.#done % QUALITY_EVERY === 0) this.#ownQuality();
    if (answer.next === undefined) { this.#between(); return; }
    this.show(answer.next);
    if (told && answer.outcome !== "declined") this.frame.tell(told);
  }

  #edited() {
    if (this.sending) return;
    if (!this.#saved()) this.frame.tell("This browser keeps no drafts: send before you leave the page.");
  }

  // The draft as the form has it now; false if it could not be kept.
  #saved(more = {}) {
    this.draft = { ...this.draft, ...this.form.content, sending: false, ...more };
    return this.drafts.write(this.draft) && this.draft;
  }

  #away(error, seconds) {
    this.frame.tell(`Not sent yet: ${error.message} Your answers are kept in this browser. Trying again in ${seconds} s.`, [
      button("Try now", () => this.sending?.now()), button("Stop and edit", () => this.sending?.stop()),
    ], "bad");
  }

  #lost() {
    this.lease.end();
    this.frame.tell("Your time for this item ran out, and somebody else has it now. You can send all the same: your answer is kept beside theirs.", [
      button("Go to the next item", () => { this.drafts.remove(this.item.id); this.next(); }),
    ], "warn");
  }

  #gone() {
    this.lease?.end();
    this.drafts.remove(this.item.id);
    this.item = null;
    this.form = null;
    this.frame.show([make("h2", { textContent: "This item is gone", tabIndex: -1 }), make("p", { textContent: "Its conversation was erased." }), button("Next item", () => this.next(), { className: "main" })]);
    hear("This item is gone: its conversation was erased.");
  }

  // The answer is stored, but the next item did not come with it: the queue is away, or being built.
  #between() {
    this.lease?.end();
    this.item = this.form = null;
    this.frame.show([make("h2", { textContent: "The next item is on its way", tabIndex: -1 })]);
    this.next();
  }

  #empty() {
    this.form = null;
    this.frame.show(nothingLeft(this.queue, () => this.next()));
    hear("Nothing is left for you in this queue.");
    this.#timer = setTimeout(() => { if (!document.hidden) this.next(); else this.#timer = setTimeout(() => this.next(), LOOK_AGAIN_MS); }, LOOK_AGAIN_MS);
  }

  #progress(queue) {
    this.queue = { ...this.queue, ...queue };
    const { progress, mine } = this.queue;
    this.frame.progress.hidden = !progress;
    if (progress) {
      this.frame.progress.max = Math.max(progress.items, 1);
      this.frame.progress.value = progress.done;
    }
    this.frame.told.textContent = [progress && `${progress.done.toLocaleString("en")} of ${count(progress.items, "item")} done`, mine && `${mine.answered.toLocaleString("en")} by you`].filter(Boolean).join(" · ");
    this.undoButton.disabled = !mine?.last_item;
  }

  async #ownQuality() {
    try {
      this.quality.textContent = ownQuality(await this.client.mine());
    } catch {
      this.quality.textContent = ""; // not worth a word: the item's own requests tell what is wrong
    }
  }

  #firstGuidelines() {
    const key = `${READ}${this.queue.rubric}/${this.queue.version}`;
    if (!this.queue.guidelines_html || localStorage.getItem(key)) return;
    localStorage.setItem(key, "1");
    this.guidelines();
  }

  async #try(run) {
    try {
      await run();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error) {
    if (this.ended) return; // another screen is there, and says what is wrong with it
    if (error.code === "signed_out") { this.onSignedOut(); return; }
    if (error.code === "replaced") { this.onReplaced(error); return; }
    if (error.code === "no_item" || error.code === "taken") { problem(error.message); if (!this.item) this.next(); return; }
    problem(error.message, error.away && !this.item ? button("Try again", () => this.next()) : "");
    if (error.away && !this.item) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.next(), LOOK_AGAIN_MS / 4);
    }
  }

  #bindings() {
    const withForm = (run) => () => { if (this.form && !this.sending) run(this.form); };
    return [
      { keys: ["?"], says: "Show these keys", run: () => showHelp(this.keyboard.bindings) },
      { keys: [], shown: ["1", "…", "9", "0"], says: "Choose in the marked question; for a ranking: the best answer first, then the next" },
      { keys: [], shown: ["="], says: "In a ranking: tie the last two" },
      { keys: [], shown: ["⌫"], says: "In a ranking: take the last one back" },
      { keys: [], shown: ["0"], says: "In a ranking: none is acceptable" },
      { keys: ["j"], says: "Next question", run: withForm((form) => form.step(1)) },
      { keys: ["k"], says: "Question before", run: withForm((form) => form.step(-1)) },
      { keys: ["e"], says: "Write in the marked question", run: withForm((form) => form.writeNow()) },
      { keys: ["Escape"], says: "Leave the field, so that keys work again", typing: true, run: withForm((form) => form.leave()) },
      { keys: ["Enter"], says: "Send; in a question that wants a text: begin to write", run: withForm((form) => { if (!form.write()) this.send(); }) },
      { keys: ["Ctrl+Enter"], says: "Send, also while you write", typing: true, run: () => this.send() },
      { keys: ["u"], says: "Undo the last answer", run: () => this.undo() },
      { keys: ["d"], says: "Decline the item", run: () => this.decline() },
      { keys: ["c"], says: "Write a comment", run: withForm((form) => form.focusComment()) },
      { keys: ["g"], says: "Guidelines", run: () => this.guidelines() },
      { keys: ["o"], says: "Open or close everything that is folded", run: () => toggleFolds(this.frame.context) },
      { keys: ["q"], says: "Back to the queues", run: () => this.keyboard.leave("") },
    ];
  }
}
