// Server-sent events over fetch: EventSource tells neither a refusal from a loss nor that nothing comes.

const LONGEST_WAIT_S = 15;
const SILENT_MS = 12000;

/** Parse server-sent events out of text that comes in pieces; gives [event, data] pairs. */
export function parser() {
  let rest = "";
  return (piece) => {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop();
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
 * Keep a stream open, with growing pauses after a loss.
 * @param {{onMessage: Function, onState: Function}} hooks
 *   onState gets ("connecting" | "live" | "lost" | "refused", detail).
 */
export class Stream {
  constructor(hooks) { this.hooks = hooks; this.turn = 0; this.lost = 0; }

  open(window_) {
    this.close();
    const turn = ++this.turn;
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
        reason = error.name === "AbortError" ? "nothing came for a while" : "the console does not answer";
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
        if (event === "round") { this.lost = 0; this.hooks.onState("live"); }
        this.hooks.onMessage(event, data);
      }
    }
    clearTimeout(this.silence);
    return null;
  }
}
