// Sends a draft, and the same submission again for as long as the server is away.

const FIRST_MS = 2_000, LONGEST_MS = 30_000;

export class Sending {
  #timer = 0;
  #wake = () => {};

  // onAway: called before each wait, with the error and the seconds until the next try.
  constructor(send, onAway) {
    Object.assign(this, { send, onAway, stopped: false });
  }

  // What the server answered. It fails with the error if repeating is of no use; null if it was stopped.
  async run() {
    for (let wait = FIRST_MS; !this.stopped; wait = Math.min(2 * wait, LONGEST_MS)) {
      try {
        return await this.send();
      } catch (error) {
        if (!error.away) throw error;
        if (this.stopped) return null;
        this.onAway(error, Math.round(wait / 1000));
        await this.#pause(wait);
      }
    }
    return null;
  }

  now() {
    this.#wake();
  }

  stop() {
    this.stopped = true;
    this.#wake();
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#wake = () => { clearTimeout(this.#timer); removeEventListener("online", this.#wake); resolve(); };
      addEventListener("online", this.#wake);
      this.#timer = setTimeout(this.#wake, ms);
    });
  }
}

// Drafts that were under way when the page was left: the server may have them or not, so they are sent once more.
export async function sendLeftBehind(drafts, clientOf) {
  let sent = 0;
  for (const draft of drafts.all().filter((each) => each.sending)) {
    try {
      await clientOf(draft).submit(draft.item, bodyOf(draft));
      drafts.remove(draft.item);
      sent += 1;
    } catch (error) {
      if (error.away || error.code === "signed_out") return sent;
      if (error.code === "no_item") drafts.remove(draft.item);
      else drafts.write({ ...draft, sending: false });
    }
  }
  return sent;
}

export function bodyOf(draft) {
  const body = { submission: draft.submission, answers: draft.answers };
  if (draft.comment) body.comment = draft.comment;
  if (draft.confidence !== null && draft.confidence !== undefined) body.confidence = draft.confidence;
  if (draft.candidates?.length) body.candidates = draft.candidates; // as they were shown: another may have come since
  if (draft.suggestion_shown !== undefined) body.suggestion_shown = draft.suggestion_shown;
  return body;
}
