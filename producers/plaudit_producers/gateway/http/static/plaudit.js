/**
 * Sends feedback from a page to Plaudit's gateway. One module without dependencies; types are in plaudit.d.ts.
 *
 *   import { connect } from "https://your-gateway/plaudit.js";
 *   const chat = connect({ token: () => fetch("/plaudit-token", { method: "POST" }).then((r) => r.json()) });
 *   const question = chat.add("user", "Where is my parcel?");
 *   chat.like(answerId);
 *
 * No call waits for the network or throws when there is none. Events are queued, kept in localStorage, and sent again
 * with the same ids until the gateway has accepted or refused each. `flush()` waits for that.
 */

const BATCH_EVENTS = 100;
const BATCH_BYTES = 1_000_000;
const BEACON_BYTES = 60_000; // browsers refuse more than 64 KiB of beacons in flight
const STORED_CHARACTERS = 1_000_000; // localStorage has room for 5 million for the whole site
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const REQUEST_MS = 30_000;
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID: 48 bits of time, 80 random bits. */
export function ulid(now = Date.now()) {
  let text = "";
  for (let left = now, n = 0; n < 10; n += 1, left = Math.floor(left / 32)) text = ALPHABET[left % 32] + text;
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) text += ALPHABET[byte % 32];
  return text;
}

/** Connect to a conversation. See `Options` in plaudit.d.ts. */
export function connect(options) {
  return new Conversation(options);
}

export class Conversation {
  #options;
  #queue; // items { id, json, beaconed }, in order
  #token = null;
  #running = null;
  #closed = false;
  #waits = 0;
  #batch = BATCH_EVENTS;
  #wake = () => {}; // ends the pause between two tries
  #producer = ulid();
  #sequence = 0;
  #listeners = new AbortController();

  constructor(options) {
    this.#options = {
      url: new URL(".", import.meta.url).href,
      maxQueued: 1000,
      storage: usableStorage(),
      onRefused: (refused) => console.warn("plaudit: refused", refused),
      onDropped: (count) => console.warn(`plaudit: ${count} events dropped because the queue is full`),
      ...options,
    };
    this.#queue = new Queue(this.#options, this.#producer);
    const on = (target, kind, listener) =>
      target.addEventListener(kind, listener, { signal: this.#listeners.signal });
    on(window, "pagehide", () => this.#beacon());
    on(document, "visibilitychange", () => this.#turned(document.visibilityState));
    on(window, "online", () => this.#wake());
    const { conversationId, token } = this.#options;
    if (conversationId) this.#queue.open(conversationId);
    else if (typeof token === "string") this.#queue.open(claims(token).cid);
    this.#run(); // a token from a function names the conversation: get one now
  }

  /** The conversation's id; null until the first token has named it. */
  get conversationId() {
    return this.#queue.conversationId;
  }

  /** The number of events that the gateway has neither accepted nor refused yet. */
  get waiting() {
    return this.#queue.items.length;
  }

  start(fields = {}) {
    return this.#send({ type: "StartConversation", ...fields });
  }

  add(role, content, { messageId = ulid(), parentId, ...fields } = {}) {
    this.#send({ type: "AddMessage", message_id: messageId, parent_id: parentId, role, content, ...fields });
    return messageId;
  }

  like(messageId, options) {
    return this.#feedback(messageId, { kind: "thumb", like: true }, "satisfaction", options);
  }

  dislike(messageId, options) {
    return this.#feedback(messageId, { kind: "thumb", like: false }, "satisfaction", options);
  }

  rate(messageId, number, { minimum = 1, maximum = 5, ...options } = {}) {
    return this.#feedback(messageId, { kind: "number", number, minimum, maximum }, "satisfaction", options);
  }

  comment(messageId, text, options) {
    return this.#feedback(messageId, { kind: "text", text }, "satisfaction", options);
  }

  correct(messageId, content, options) {
    return this.#feedback(messageId, { kind: "correction", content }, "accuracy", options);
  }

  signal(messageId, name, number, options) {
    return this.#feedback(messageId, { kind: "signal", name, number }, "behaviour", options);
  }

  /** Take back the feedback on a message with this aspect and kind of value (for a signal, also this name). */
  withdraw(messageId, kind, { aspect = "satisfaction", ...options } = {}) {
    return this.#feedback(messageId, undefined, aspect, { kind, ...options });
  }

  /** `candidates` are message ids as they were shown. `ranking` has the best first; a list inside it is a tie. */
  compare(candidates, ranking, { comparisonId = ulid(), ...fields } = {}) {
    const groups = ranking.map((each) => (Array.isArray(each) ? each : [each]));
    this.#send({ type: "CompareMessages", comparison_id: comparisonId, candidates, ranking: groups, ...fields });
    return comparisonId;
  }

  end(reason = "closed") {
    return this.#send({ type: "EndConversation", reason });
  }

  /** Resolves to 0 once no event waits any more, or after `timeoutMs` to the number of those that still wait. */
  async flush(timeoutMs = 30_000) {
    const until = Date.now() + timeoutMs;
    while (this.waiting && Date.now() < until) {
      this.#run();
      await Promise.race([this.#running, pause(Math.min(100, until - Date.now()))]);
    }
    return this.waiting;
  }

  /** Stop sending and listening to the page. Events that wait stay in the storage for the next visit. */
  close() {
    this.#closed = true;
    this.#listeners.abort();
    this.#wake();
  }

  #feedback(messageId, value, aspect, { id = ulid(), ...fields } = {}) {
    const feedback = { id, aspect, value, ...fields };
    this.#send({ type: "UpdateMessage", message_id: messageId ?? undefined, feedback });
    return id;
  }

  #send(body) {
    const event = {
      event_id: ulid(),
      conversation_id: this.conversationId ?? undefined,
      occurred_at: new Date().toISOString(),
      producer: this.#producer,
      sequence: this.#sequence,
      body,
    };
    this.#sequence += 1; // for a dropped event, too: the gap in the numbers shows that one is missing
    if (!this.#queue.push({ id: event.event_id, json: JSON.stringify(event, wellFormed) })) {
      this.#options.onDropped(1);
    }
    this.#run();
    return event.event_id;
  }

  #run() {
    if (this.#running || this.#closed) return;
    if (!this.waiting && this.conversationId) return;
    this.#running = this.#drain().finally(() => {
      this.#running = null;
    });
  }

  async #drain() {
    while (!this.#closed && (this.waiting || !this.conversationId)) {
      let wait;
      try {
        wait = await this.#round();
      } catch (error) {
        wait = this.#backoff();
      }
      if (wait) await Promise.race([pause(wait), new Promise((wake) => (this.#wake = wake))]);
    }
  }

  /** Send one request. Returns the milliseconds to wait before the next one. */
  async #round() {
    const token = await this.#currentToken();
    if (!token) return this.#backoff();
    if (!this.waiting) return 0;
    const batch = this.#queue.head(this.#batch, BATCH_BYTES);
    const response = await fetch(new URL("v1/events", this.#options.url), {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: `[${batch.map((item) => item.json).join(",")}]`,
      credentials: "omit",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const answer = await response.json().catch(() => ({}));
    if (answer.results) this.#settle(answer.results);
    if (response.ok && answer.results) {
      this.#waits = 0;
      this.#batch = BATCH_EVENTS;
      return 0;
    }
    return this.#refused(response, answer, batch);
  }

  #refused(response, answer, batch) {
    if (response.status === 401) {
      this.#token = null; // it was revoked or has expired: get a new one
      return this.#backoff();
    }
    if (response.status === 429 || response.status >= 500) {
      const asked = Number(response.headers.get("Retry-After")) * 1000 || 0;
      return Math.max(asked, this.#backoff());
    }
    if (response.status === 408) this.#batch = Math.ceil(batch.length / 2); // a slow connection
    if (answer.results) return 0; // each event has its own result
    if (![413, 422].includes(response.status)) return this.#backoff(); // not about the events, e.g. a wrong URL
    if (batch.length > 1) this.#batch = 1; // one event spoils the request: send each alone to find it
    else this.#settle([{ event_id: batch[0].id, status: "refused", reason: "invalid", detail: answer.detail }]);
    return 0;
  }

  #settle(results) {
    // "unavailable" may still succeed: these events stay in the queue.
    const done = results.filter((result) => result.reason !== "unavailable");
    this.#queue.remove(new Set(done.map((result) => result.event_id)));
    for (const result of done) if (result.status === "refused") this.#options.onRefused(result);
  }

  #backoff() {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#waits);
    this.#waits += 1;
    return longest * (0.5 + Math.random() / 2); // jitter: pages must not all come back at once after an outage
  }

  async #currentToken() {
    if (this.#token && !endsSoon(this.#token)) return this.#token;
    const given = this.#options.token;
    const made = typeof given === "function" ? await given() : given;
    this.#token = typeof made === "string" ? made : (made?.token ?? null);
    if (this.#token && !this.conversationId) this.#queue.open(claims(this.#token).cid);
    return this.#token;
  }

  #turned(visibility) {
    if (visibility === "hidden") this.#beacon();
    // A beacon may never have arrived. The next one sends the same events first, so that no later one overtakes them.
    else for (const item of this.#queue.items) item.beaconed = false;
  }

  #beacon() {
    if (!this.#token || !navigator.sendBeacon) return;
    const items = this.#queue.head(BATCH_EVENTS, BEACON_BYTES - this.#token.length - 100, (item) => !item.beaconed);
    if (!items.length) return;
    const body = `{"token":${JSON.stringify(this.#token)},"events":[${items.map((item) => item.json).join(",")}]}`;
    // Plain text needs no preflight, and there is no time for one. The events stay queued: a beacon has no answer.
    const blob = new Blob([body], { type: "text/plain" });
    if (navigator.sendBeacon(new URL("v1/beacon", this.#options.url), blob)) {
      for (const item of items) item.beaconed = true;
    }
  }
}

/** The events that wait, in memory and in the storage, including those left by an earlier visit. */
class Queue {
  items = [];
  conversationId = null;
  #options;
  #producer;
  #key = null;

  constructor(options, producer) {
    this.#options = options;
    this.#producer = producer;
  }

  /** Set the conversation, and take over the events that earlier visits left of it. */
  open(conversationId) {
    this.conversationId = conversationId;
    const prefix = `plaudit:${conversationId}:`;
    this.#key = prefix + this.#producer;
    const { storage } = this.#options;
    if (!storage) return;
    const keys = Array.from({ length: storage.length }, (_, n) => storage.key(n));
    const left = keys.filter((key) => key?.startsWith(prefix) && key !== this.#key).sort();
    const mine = new Set(this.items.map((item) => item.id));
    const found = left.flatMap((key) => parsed(storage.getItem(key))).filter((item) => !mine.has(item.id));
    this.items = [...found, ...this.items];
    this.#save(); // before the old keys go: a crash in between must not lose events
    for (const key of left) storage.removeItem(key);
  }

  push(item) {
    if (this.items.length >= this.#options.maxQueued) return false;
    this.items.push(item);
    this.#save();
    return true;
  }

  remove(ids) {
    this.items = this.items.filter((item) => !ids.has(item.id));
    this.#save();
  }

  /** The first events, at most `count` and at most `bytes` of them together, but at least one. */
  head(count, bytes, wanted = () => true) {
    const found = [];
    let size = 0;
    for (const item of this.items) {
      if (!wanted(item)) continue;
      size += new Blob([item.json]).size + 1;
      if (found.length >= count || (size > bytes && found.length)) break;
      found.push(item);
    }
    return found;
  }

  #save() {
    const { storage } = this.#options;
    if (!storage || !this.#key) return;
    let size = 0;
    const kept = this.items.filter((item) => (size += item.json.length) <= STORED_CHARACTERS);
    try {
      if (kept.length) storage.setItem(this.#key, JSON.stringify(kept.map(({ id, json }) => ({ id, json }))));
      else storage.removeItem(this.#key);
    } catch {
      storage.removeItem(this.#key); // no room: an out-of-date copy would send settled events again
    }
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Replace lone surrogates: they cannot be encoded in UTF-8, and one would spoil a whole request. */
function wellFormed(_key, value) {
  return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;
}

function parsed(text) {
  try {
    return JSON.parse(text ?? "[]").filter((item) => typeof item.id === "string" && typeof item.json === "string");
  } catch {
    return [];
  }
}

function claims(token) {
  const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function endsSoon(token) {
  return claims(token).exp * 1000 < Date.now() + 5_000;
}

function usableStorage() {
  try {
    return window.localStorage;
  } catch {
    return null; // storage is switched off, or the page is in a sandboxed frame
  }
}
