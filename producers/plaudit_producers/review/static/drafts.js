// Drafts: answers that are not sent yet, kept in this browser for each person and item.

import { ulid } from "./ulid.js";

const PREFIX = "plaudit-review-draft:", DAYS = 14;

export class Drafts {
  #person;

  constructor(person, now = Date.now) {
    this.#person = person;
    this.now = now;
    this.#purge();
  }

  read(item) {
    const found = this.#parsed(this.#key(item));
    return found && !this.#old(found) ? found : null;
  }

  // A draft has the id of its submission from the start: every repeat of it is the same submission.
  begin(queue, item) {
    return this.read(item.id) ?? {
      rubric: queue.rubric, version: queue.version, title: queue.title, item: item.id, submission: ulid(this.now()),
      answers: {}, comment: "", confidence: null, candidates: item.candidates?.map((each) => each.id) ?? [], suggestion_shown: item.suggestion_shown, sending: false,
    };
  }

  // Whether it could be kept: a browser may refuse, or have no room.
  write(draft) {
    try {
      localStorage.setItem(this.#key(draft.item), JSON.stringify({ ...draft, at: this.now() }));
      return true;
    } catch {
      return false;
    }
  }

  remove(item) {
    localStorage.removeItem(this.#key(item));
  }

  // Of this person, newest first.
  all() {
    return this.#keys().map((key) => [key, this.#parsed(key)])
      .filter(([key, draft]) => draft && key === this.#key(draft.item))
      .map(([, draft]) => draft).sort((a, b) => b.at - a.at);
  }

  #purge() {
    for (const key of this.#keys()) {
      const draft = this.#parsed(key);
      if (!draft || this.#old(draft)) localStorage.removeItem(key);
    }
  }

  #old(draft) {
    return !(this.now() - draft.at < DAYS * 24 * 3600 * 1000);
  }

  #key(item) {
    return PREFIX + JSON.stringify([this.#person, item]);
  }

  #keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  }

  #parsed(key) {
    try {
      const found = JSON.parse(localStorage.getItem(key));
      return typeof found?.item === "string" && typeof found.submission === "string" ? found : null;
    } catch {
      return null;
    }
  }
}
