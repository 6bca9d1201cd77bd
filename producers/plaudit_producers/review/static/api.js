// The requests of the page, and the errors they end with.

const TIMEOUT_MS = 20_000;

export class RequestError extends Error {
  // status 0: nothing answered. code: see the API; "signed_out" is the console's own.
  constructor(message, { status = 0, code = "", question = null } = {}) {
    super(message);
    Object.assign(this, { status, code, question });
  }

  // Whether the same request may go through later.
  get away() {
    return this.status === 0 || this.status >= 500;
  }
}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(`/review/${path}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new RequestError("The console cannot be reached.");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  const code = answer.status === 401 ? "signed_out" : content.code;
  throw new RequestError(content.detail ?? `The console answered ${answer.status}.`, { status: answer.status, code, question: content.question });
}

export const queues = () => ask("queues");

export class QueueClient {
  constructor(rubric, version) {
    this.path = `queues/${encodeURIComponent(rubric)}/${encodeURIComponent(version)}`;
  }

  rubric() { return ask(this.path); }
  next() { return ask(`${this.path}/next`, {}); }
  mine() { return ask(`${this.path}/mine`); }
  undo() { return ask(`${this.path}/undo`, {}); }
  open(item) { return this.#item(item, "open"); }
  renew(item) { return this.#item(item, "renew"); }
  release(item) { return this.#item(item, "release"); }
  submit(item, body) { return this.#item(item, "submit", body); }
  decline(item, body) { return this.#item(item, "decline", body); }
  quality() { return ask(`${this.path}/quality`); }
  disagreements() { return ask(`${this.path}/disagreements?limit=200`); }
  answers(item) { return ask(`${this.path}/items/${encodeURIComponent(item)}/answers`); }
  adjudicate(item, body) { return this.#item(item, "adjudicate", body); }

  #item(item, what, body = {}) {
    return ask(`${this.path}/items/${encodeURIComponent(item)}/${what}`, body);
  }
}
