// Server-sent events over fetch. EventSource does not tell a refusal from a lost connection, and does not
// notice that nothing arrives any more.

const LONGEST_WAIT_S = 15;
const SILENT_MS = 12000; // the console sends a round every 2 s at least

/** A parser of server-sent events from text that comes in pieces. It returns [event, data] pairs. */
export function parser() {
  let rest = "";
  return (piece) => {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop(); // an event that is not complete yet
    return blocks.filter(Boolean).map((block) => {
      let event = "message", data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event = line.slice(7);
        else if (line.startsWith("data: ")) data += line.slice(6);
      }
      return [event, JSON.parse(data)];
    });
  };
}

/**
 * Keeps a stream open. After a lost connection it tries again, with growing pauses.
 * @param {{onMessage: Function, onState: Function}} hooks
 *   onState gets ("connecting" | "live" | "lost" | "refused", detail).
 */
export class Stream {
  constructor(hooks) { this.hooks = hooks; this.turn = 0; this.lost = 0; }

  open(window_) {
    this.close();
    const turn = ++this.turn; // a reader of an earlier turn sees that it is outdated, and stops
    this.#keep(turn, window_);
  }

  close() { this.turn++; this.abort?.abort(); clearTimeout(this.silence); clearTimeout(this.pause); }

  async #keep(turn, window_) {
    while (turn === this.turn) {
      let reason = "the console ended it";
      try {
        reason = await this.#read(turn, window_) ?? reason;
        if (reason === "refused") return;
      } catch (error) {
        reason = error.name === "AbortError" ? "nothing arrived for a while" : "the console does not answer";
      }
      if (turn !== this.turn) return;
      const wait = Math.min(LONGEST_WAIT_S, 2 ** this.lost++);
      this.hooks.onState("lost", { reason, wait });
      await new Promise((go) => { this.pause = setTimeout(go, wait * 1000); });
    }
  }

  async #read(turn, window_) {
    this.abort = new AbortController();
    const answer = await fetch(`/dashboard/stream?window=${window_}`, { signal: this.abort.signal });
    if (answer.status === 401 || answer.status === 403) {
      this.hooks.onState("refused");
      return "refused";
    }
    if (!answer.ok) return `the console answered ${answer.status}`;
    const parse = parser(), reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      clearTimeout(this.silence);
      this.silence = setTimeout(() => this.abort.abort(), SILENT_MS);
      const { value, done } = await reader.read();
      if (done || turn !== this.turn) break;
      for (const [event, data] of parse(value)) {
        if (turn !== this.turn) return null;
        // Only a round shows that the console works: until then the pauses keep growing.
        if (event === "round") { this.lost = 0; this.hooks.onState("live"); }
        this.hooks.onMessage(event, data);
      }
    }
    clearTimeout(this.silence);
    return null;
  }
}
