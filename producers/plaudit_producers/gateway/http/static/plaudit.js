/**
 * Sends feedback from a page to Plaudit's gateway. One module without dependencies; types are in plaudit.d.ts.
 *
 *   import { connect } from "https://your-gateway/plaudit.js";
 *   const chat = connect({ token: () => fetch("/plaudit-token", { method: "POST" }).then((r) => r.json()) });
 *   const question = chat.add("user", "Where is my parcel?");
 *   chat.like(answerId);
 *
 * No call waits for the network or throws: what can never be sent is told to `onRefused`. Events are queued, kept in
 * localStorage, and sent again with the same ids until the gateway has accepted or refused each. `flush()` waits for
 * that. What a page left when it was closed is sent by the next visit of any conversation.
 */

const BATCH_EVENTS = 100;
const BATCH_BYTES = 1_000_000;
const HELD_BYTES = 30; // of held_ms, which an event gets when it is sent, and of the comma
const LONGEST_HELD_MS = 2 ** 33 - 1; // the contract's limit
const BEACON_BYTES = 60_000; // browsers refuse more than 64 KiB of beacons in flight
const STORED_CHARACTERS = 1_000_000; // localStorage has room for 5 million for the whole site
const LEFT_CHARACTERS = 500_000; // of these, for what visits of other conversations left
const LEFT_MS = 7 * 86_400_000; // then what was left is dropped: its conversation has ended long ago
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const REQUEST_MS = 30_000; // also for a token
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
// A key is `plaudit.event:` and the JSON of [application, conversation id, producer and sequence]. Application and
// conversation id are the identity of a conversation in Kafka, too. JSON keeps the parts of different ids apart.
const STORED = "plaudit.event:";
// Before, a key was `plaudit:CONVERSATION:PRODUCER`, for a list of all events of a visit. A producer is a ULID.
const STORED_BEFORE = /^plaudit:(.+):([0-9A-HJKMNP-TV-Z]{26})$/s;
const HALF_PAIR = /\p{Surrogate}/gu; // half of a surrogate pair, which UTF-8 cannot encode

/** A ULID: 48 bits of time, 80 random bits. */
export function ulid(now = Date.now()) {
  let text = "";
  let left = typeof now === "number" && now >= 0 && now < 2 ** 48 ? Math.floor(now) : Date.now();
  for (let n = 0; n < 10; n += 1, left = Math.floor(left / 32)) text = ALPHABET[left % 32] + text;
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) text += ALPHABET[byte % 32];
  return text;
}

/** Connect to a conversation. See `Options` in plaudit.d.ts. */
export function connect(options) {
  return new Conversation(options);
}

export class Conversation {
  #options;
  #queue;
  #token = null;
  #running = null;
  #closed = false;
  #waits = 0;
  #reached = false; // whether the gateway has answered this page
  #swept = false; // whether what other conversations left was looked at
  #batch = BATCH_EVENTS;
  #wake = () => {}; // ends the pause between two tries
  #producer = ulid();
  #sequence = 0;
  #roles = ["user"]; // of messages that this page may add, as far as it knows
  #added = new Set(); // message ids
  #last = null; // { id, role } of the last message that this page knows
  #told = false; // whether `follow` was called: then this page knows the backend's messages, too
  #listeners = new AbortController();

  constructor(options) {
    this.#options = withDefaults({ ...options });
    this.#queue = new Queue(this.#options);
    const on = (target, kind, listener) =>
      target.addEventListener(kind, listener, { signal: this.#listeners.signal });
    on(window, "pagehide", () => this.#beacon());
    on(document, "visibilitychange", () => this.#turned(document.visibilityState));
    on(window, "online", () => {
      this.#wake();
      this.#sweep(true);
    });
    const { conversationId, application, token } = this.#options;
    if (conversationId) this.#open(conversationId, application);
    if (typeof token === "string") attempt(() => this.#learn(token));
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

  start(fields) {
    return this.#send({ type: "StartConversation", ...fields });
  }

  add(role, content, options) {
    const { messageId, parentId, ...fields } = { ...options };
    const id = messageId ?? ulid();
    const isNew = !this.#added.has(id); // a message that comes again keeps its parent
    const parent = parentId === undefined && isNew ? this.#parentFor(role) : parentId;
    if (isNew && this.#roles.includes(role)) this.#last = { id, role };
    this.#added.add(id);
    this.#send({ type: "AddMessage", message_id: id, parent_id: parent, role, content, ...fields });
    return id;
  }

  /** Tell of a message that the backend has added: the next message follows it. Null: it is not known which one. */
  follow(messageId) {
    this.#last = textIn(messageId) && { id: messageId, role: null };
    this.#told = true;
  }

  like(messageId, options) {
    return this.#feedback(messageId, { kind: "thumb", like: true }, "satisfaction", options);
  }

  dislike(messageId, options) {
    return this.#feedback(messageId, { kind: "thumb", like: false }, "satisfaction", options);
  }

  rate(messageId, number, options) {
    const { minimum = 1, maximum = 5, ...fields } = { ...options };
    return this.#feedback(messageId, { kind: "number", number, minimum, maximum }, "satisfaction", fields);
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
  withdraw(messageId, kind, options) {
    return this.#feedback(messageId, undefined, "satisfaction", { kind, ...options });
  }

  /** `candidates` are message ids as they were shown. `ranking` has the best first; a list inside it is a tie. */
  compare(candidates, ranking, options) {
    const { comparisonId, ...fields } = { ...options };
    const id = comparisonId ?? ulid();
    const groups = Array.isArray(ranking) ? ranking.map((each) => (Array.isArray(each) ? each : [each])) : ranking;
    this.#send({ type: "CompareMessages", comparison_id: id, candidates, ranking: groups, ...fields });
    return id;
  }

  end(reason = "closed") {
    return this.#send({ type: "EndConversation", reason });
  }

  /** Resolves to 0 once no event waits any more, or after `timeoutMs` to the number of those that still wait. */
  async flush(timeoutMs = 30_000) {
    // Not Date.now(): somebody may set the clock.
    const until = performance.now() + (typeof timeoutMs === "number" ? timeoutMs : 0);
    while (this.waiting && !this.#closed && performance.now() < until) {
      this.#run();
      await Promise.race([this.#running, pause(Math.min(100, until - performance.now()))]);
    }
    return this.waiting;
  }

  /** Stop sending and listening to the page. Events that wait stay in the storage for the next visit. */
  close() {
    if (!this.#closed) this.#queue.leave(this.#token);
    this.#closed = true;
    this.#listeners.abort();
    this.#wake();
  }

  #feedback(messageId, value, aspect, options) {
    const { id, ...fields } = { ...options };
    const feedback = { aspect, value, ...fields, id: id ?? ulid() };
    this.#send({ type: "UpdateMessage", message_id: messageId ?? undefined, feedback });
    return feedback.id;
  }

  /** The parent of a new message, as far as this page knows it. Undefined: the message before it in the log. */
  #parentFor(role) {
    // After a question of this page, the backend may have answered without telling it: the next one follows that.
    const isKnown = this.#last && (this.#told || this.#last.role !== role);
    return isKnown ? this.#last.id : undefined;
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
    try {
      const json = jsonOf(event);
      const order = `${this.#producer}${String(event.sequence).padStart(10, "0")}`;
      const isQueued = this.#queue.push({ id: event.event_id, json, order, key: null, application: null });
      if (!isQueued) tell(this.#options.onDropped, 1);
    } catch (error) {
      if (body.message_id === this.#last?.id) this.#last = null;
      const detail = `${error?.message ?? error}`;
      const refused = { event_id: event.event_id, status: "refused", reason: "invalid", detail };
      queueMicrotask(() => tell(this.#options.onRefused, refused)); // after the caller has got the id
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
        if (!this.#waits) console.warn("plaudit: events wait, since", error);
        wait = this.#backoff();
      }
      if (wait) await Promise.race([pause(wait), new Promise((wake) => (this.#wake = wake))]);
    }
  }

  /** Send one request. Returns the milliseconds to wait before the next one. */
  async #round() {
    const token = await this.#currentToken();
    if (!this.waiting) return 0;
    const batch = head(this.#queue.items, this.#batch, BATCH_BYTES);
    const { response, answer } = await this.#post(token, batch);
    if (answer.results) this.#settle(answer.results, batch);
    if (response.ok && answer.results && !this.#queue.items.includes(batch[0])) {
      this.#waits = 0;
      this.#reached = true;
      this.#batch = BATCH_EVENTS;
      return 0;
    }
    return this.#refused(response, answer, batch);
  }

  async #post(token, batch) {
    const response = await fetch(this.#address("v1/events"), {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: `[${batch.map((item) => sentNow(item.json)).join(",")}]`,
      credentials: "omit",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    return { response, answer: { ...(await response.json().catch(() => null)) } };
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
    if (answer.results && !response.ok) return 0; // each event has its own result
    if (![413, 422].includes(response.status)) return this.#backoff(); // not about the events, e.g. a wrong URL
    if (batch.length > 1) this.#batch = 1; // one event spoils the request: send each alone to find it
    else this.#settle([{ event_id: batch[0].id, status: "refused", reason: "invalid", detail: answer.detail }], batch);
    return 0;
  }

  /** Take the results of a batch: one for each event, in order. */
  #settle(results, batch) {
    this.#queue.remove(new Set(settledOf(results, batch)));
    this.#tellRefused(results);
  }

  #tellRefused(results) {
    for (const result of results) {
      if (result.status === "refused" && result.reason !== "unavailable") tell(this.#options.onRefused, result);
    }
  }

  #backoff() {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#waits);
    this.#waits += 1;
    return longest * (0.5 + Math.random() / 2); // jitter: pages must not all come back at once after an outage
  }

  async #currentToken() {
    const endsSoon = claims(this.#token).exp * 1000 < Date.now() + 5_000;
    if (this.#token && !endsSoon) return this.#token;
    const given = this.#options.token;
    const made = await (typeof given === "function" ? Promise.race([given(), pause(REQUEST_MS)]) : given);
    const token = typeof made === "string" ? made : made?.token;
    if (typeof token !== "string") throw new Error(`no token within ${REQUEST_MS / 1000} s`);
    this.#learn(token);
    this.#token = token;
    return token;
  }

  /** Take from a token which conversation it is for, and what this page may add. Throws if it is for another one. */
  #learn(token) {
    const { cid, app, roles } = claims(token);
    const queue = this.#queue;
    const conversationId = textIn(cid) ?? queue.conversationId;
    const application = textIn(app) ?? queue.application;
    if (!conversationId) throw new Error("the token cannot be read");
    // With another conversation's token, the gateway would refuse the events for good.
    if (!isSame(conversationId, queue.conversationId) || !isSame(application, queue.application)) {
      throw new Error("the token is for another conversation than the events");
    }
    if (Array.isArray(roles)) this.#roles = roles;
    this.#open(conversationId, application);
  }

  #open(conversationId, application) {
    const expired = this.#queue.open(conversationId, application);
    if (expired) tell(this.#options.onDropped, expired);
    this.#sweep();
  }

  /** Send what visits of other conversations of this application left, with the tokens that they left. */
  #sweep(again = false) {
    if (this.#closed || !this.#queue.application || (this.#swept && !again)) return;
    this.#swept = true;
    this.#sendLeft().catch(() => {}); // it stays in the storage for the next visit
  }

  async #sendLeft() {
    for (const left of this.#queue.leftByOthers()) {
      let isValid = claims(left.token).exp * 1000 > Date.now() + 5_000;
      while (isValid && left.items.length && !this.#closed) {
        const batch = head(left.items, BATCH_EVENTS, BATCH_BYTES);
        const { response, answer } = await this.#post(left.token, batch);
        if (response.status === 429 || (response.status >= 500 && !answer.results)) return;
        const settled = settledOf(answer.results ?? [], batch);
        this.#queue.forget(settled);
        this.#tellRefused(answer.results ?? []);
        left.items = left.items.filter((item) => !settled.includes(item));
        isValid = settled.length > 0;
      }
      // Without a token nobody can ask whether a beacon has arrived. The gateway answered that page until it was left.
      if (!isValid) this.#queue.forget(left.items.filter((item) => item.sent));
    }
  }

  #turned(visibility) {
    if (visibility === "hidden") {
      this.#beacon();
      return;
    }
    // A beacon may never have arrived. The next one sends the same events first, so that no later one overtakes them.
    for (const item of this.#queue.items) item.beaconed = item.sent = false;
    this.#sweep(true);
  }

  /** The page may be left now: send what waits, and leave the rest to the next visit. */
  #beacon() {
    if (this.#token && navigator.sendBeacon) this.#sendBeacon();
    this.#queue.leave(this.#token);
  }

  #sendBeacon() {
    const waiting = this.#queue.items.filter((item) => !item.beaconed);
    const items = head(waiting, BATCH_EVENTS, BEACON_BYTES - this.#token.length - 100);
    if (!items.length) return;
    const body = `{"token":${JSON.stringify(this.#token)},"events":[${items.map((item) => sentNow(item.json)).join(",")}]}`;
    // Plain text needs no preflight, and there is no time for one. The events stay queued: a beacon has no answer.
    const blob = new Blob([body], { type: "text/plain" });
    const taken = attempt(() => navigator.sendBeacon(this.#address("v1/beacon"), blob));
    const sent = this.#reached && !this.#waits; // the gateway has answered, and was not found away since
    if (taken) for (const item of items) Object.assign(item, { beaconed: true, sent });
  }

  #address(path) {
    return new URL(path, new URL(this.#options.url, document.baseURI));
  }
}

/**
 * The events that wait, in memory and in the storage, including those left by earlier visits.
 *
 * Each event of this visit has a key of its own in the storage. Those of earlier visits stay under the keys that they
 * have until they are settled. So nothing is copied, and a full storage or a crash loses nothing that is stored.
 */
class Queue {
  items = []; // { id, json, order, key, application, beaconed, sent }; key and application are null if it is not stored
  conversationId = null;
  application = null; // of the conversation; null until a token or an option names it
  #storage;
  #maxQueued;
  #others = 0; // characters that events of other conversations take in the storage

  constructor({ storage, maxQueued }) {
    this.#storage = storage;
    this.#maxQueued = maxQueued;
  }

  /**
   * Set the conversation, and take over the events that earlier visits left of it.
   *
   * Returns the number of events that were left too long ago, or that found no room among those of others.
   */
  open(conversationId, application) {
    if (this.conversationId === conversationId && this.application === application) return 0;
    this.conversationId = conversationId;
    this.application = application;
    const dropped = this.#tidy();
    // What was taken over before the application was known may be another one's. It stays in the storage.
    this.items = this.items.filter((item) => isSame(item.application, application));
    for (const item of this.items) item.json = named(item.json, conversationId);
    const known = new Set(this.items.map((item) => item.id));
    const found = this.#left().filter((item) => !known.has(item.id) && known.add(item.id));
    this.items = [...found, ...this.items];
    this.#store();
    return dropped;
  }

  push(item) {
    if (this.items.length >= this.#maxQueued) return false;
    this.items.push(item);
    this.#store();
    return true;
  }

  /** Remove settled items: a Set of them. */
  remove(settled) {
    this.items = this.items.filter((item) => !settled.has(item));
    this.forget([...settled]);
    this.#store();
  }

  /** Remove items from the storage alone. */
  forget(items) {
    const ids = new Set(items.map((item) => item.id));
    for (const key of new Set(items.map((item) => item.key))) {
      if (key !== null) this.#write(key, this.#read(key).filter((item) => !ids.has(item.id)));
    }
  }

  /**
   * Leave to later visits what they need: the token, beside the newest event, and which events a beacon took.
   *
   * A token is valid for minutes and for this conversation alone. It goes with the last event that waits.
   */
  leave(token) {
    const stored = this.items.filter((item) => item.key !== null);
    const newest = stored.at(-1);
    for (const item of stored) {
      const sent = Boolean(item.sent);
      if (item !== newest && sent === Boolean(item.marked)) continue;
      item.marked = sent;
      const more = item === newest && token ? { sent, token } : { sent };
      this.#write(item.key, this.#read(item.key).map((each) => (each.id === item.id ? { ...each, ...more } : each)));
    }
  }

  /** What visits of other conversations of this application left: a token and the events of each conversation. */
  leftByOthers() {
    const found = new Map();
    const isOther = (place) => place.application === this.application && place.conversationId !== this.conversationId;
    for (const place of this.#places().filter(isOther)) {
      const left = found.get(place.conversationId) ?? { token: null, items: [] };
      found.set(place.conversationId, left);
      for (const item of this.#read(place.key)) {
        left.items.push({ ...item, key: place.key });
        left.token = item.token ?? left.token;
      }
    }
    return [...found.values()];
  }

  /** Drop what was left too long ago, and the oldest of what others left beyond their room. Returns how many. */
  #tidy() {
    if (!this.#storage) return 0;
    const left = this.#places().flatMap((place) => this.#read(place.key).map((item) => ({ ...item, ...place })));
    const isMine = (item) => isSame(item.application, this.application) && item.conversationId === this.conversationId;
    left.sort((one, other) => timeOf(other) - timeOf(one));
    let size = 0;
    this.#others = 0;
    const dropped = left.filter((item) => {
      if (Math.abs(Date.now() - timeOf(item)) > LEFT_MS) return true;
      if (isMine(item)) return false;
      size += item.json.length;
      if (size <= LEFT_CHARACTERS) this.#others = size;
      return size > LEFT_CHARACTERS;
    });
    this.forget(dropped);
    return dropped.length;
  }

  /** Write the events that are not in the storage yet, as far as there is room. */
  #store() {
    if (!this.#storage || !this.conversationId) return;
    let room = STORED_CHARACTERS - this.#others;
    for (const item of this.items) if (item.key !== null) room -= item.json.length;
    for (const item of this.items) {
      const { id, json, order } = item;
      if (item.key !== null || json.length > room) continue;
      const key = STORED + JSON.stringify([this.application, this.conversationId, order]);
      const isStored = this.#write(key, [{ id, json }]);
      if (isStored) Object.assign(item, { key, application: this.application });
      room = isStored ? room - json.length : json.length - 1; // in a full storage a smaller event may still fit
    }
  }

  /** The events of this conversation in the storage, oldest visit first. */
  #left() {
    const places = this.#places().filter((place) => isSame(place.application, this.application));
    // A list may hold events of other conversations, which older versions took over by mistake. They stay there.
    const isMine = (place, json) => (conversationIn(json) ?? place.conversationId) === this.conversationId;
    return places.flatMap((place) =>
      this.#read(place.key)
        .filter(({ json }) => isMine(place, json))
        .map(({ id, json }) => ({ ...place, id, json: named(json, this.conversationId) })),
    );
  }

  /** The keys of events in the storage, with what they say, oldest visit first. */
  #places() {
    const count = attempt(() => this.#storage?.length) ?? 0;
    const keys = Array.from({ length: count }, (_, n) => attempt(() => this.#storage.key(n)));
    const places = keys.map(placeOf).filter((place) => place);
    return places.sort((one, other) => (one.order < other.order ? -1 : 1));
  }

  #read(key) {
    const items = attempt(() => JSON.parse(this.#storage.getItem(key)));
    if (!Array.isArray(items)) return [];
    return items.filter((item) => typeof item?.id === "string" && typeof item.json === "string");
  }

  /** Returns whether the storage took it. Without items, the key is removed. */
  #write(key, items) {
    const write = items.length
      ? () => this.#storage.setItem(key, JSON.stringify(items))
      : () => this.#storage.removeItem(key);
    return attempt(() => [write()]) !== undefined;
  }
}

/** The first of some events, at most `count` and at most `bytes` of them together, but at least one. */
function head(items, count, bytes) {
  const found = [];
  let size = 0;
  for (const item of items) {
    size += new Blob([item.json]).size + HELD_BYTES;
    if (found.length >= count || (size > bytes && found.length)) break;
    found.push(item);
  }
  return found;
}

/** The events of a batch that the gateway has answered for. Those that are "unavailable" may still succeed. */
const settledOf = (results, batch) => batch.filter((_, n) => results[n] && results[n].reason !== "unavailable");

/** When an event was made: its id is a ULID, of which 48 bits are the time. NaN for another id. */
function timeOf({ id }) {
  return [...id.slice(0, 10)].reduce((time, letter) => time * 32 + (ALPHABET.indexOf(letter) + 1 || NaN) - 1, 0);
}

/**
 * An event that is sent now, with the time that it waited here: a difference of two times of one clock, so that the
 * order of events does not hang on whether the clock is right.
 */
function sentNow(json) {
  const made = Date.parse(/"occurred_at":"([^"]+)"/.exec(json)?.[1]);
  const held = Math.min(Math.max(0, Date.now() - made), LONGEST_HELD_MS) || 0;
  return `{"held_ms":${held},${json.slice(1)}`;
}

/** What a key of the storage says of its events; null if it is somebody else's key. */
function placeOf(key) {
  const [, before, visit] = STORED_BEFORE.exec(key) ?? [];
  if (before) return { key, application: null, conversationId: before, order: visit };
  return attempt(() => {
    if (!key.startsWith(STORED)) return null;
    const [application, conversationId, order] = JSON.parse(key.slice(STORED.length));
    return { key, application, conversationId, order };
  });
}

/** Whether two names are the same, as far as both are known. */
const isSame = (one, other) => one === null || other === null || one === other;

const conversationIn = (json) => attempt(() => JSON.parse(json).conversation_id);

/** The JSON of an event with its conversation, which is not known before the first token. */
function named(json, conversation_id) {
  if (conversationIn(json)) return json;
  return attempt(() => JSON.stringify({ ...JSON.parse(json), conversation_id })) ?? json;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The result of a function, or undefined if it throws. A page's storage may throw at every access. */
function attempt(function_) {
  try {
    return function_();
  } catch {
    return undefined;
  }
}

/** Call a function of the page. Its errors are the page's, and must not stop this client. */
function tell(listener, told) {
  try {
    listener(told);
  } catch (error) {
    reportError(error);
  }
}

/**
 * The JSON of an event. In texts, half a surrogate pair is replaced: one would spoil a whole request.
 *
 * In an id it is an error, because two ids could become one. JSON.stringify throws for a cycle and a BigInt.
 */
function jsonOf(event) {
  const { message_id, parent_id, comparison_id, session, feedback, candidates, ranking } = event.body;
  const ids = [event.conversation_id, message_id, parent_id, comparison_id, session, feedback?.id, candidates, ranking];
  const broken = ids.flat(2).find((id) => typeof id === "string" && id.search(HALF_PAIR) >= 0);
  if (broken !== undefined) throw new Error(`the id ${JSON.stringify(broken)} holds half a surrogate pair`);
  return JSON.stringify(event, (_, value) => (typeof value === "string" ? value.replace(HALF_PAIR, "\ufffd") : value));
}

/** What a token says; empty if it cannot be read. */
function claims(token) {
  const read = attempt(() => {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  });
  return { ...read };
}

const textIn = (value) => (typeof value === "string" && value ? value : null);

/** The options of a page. Those that are left out, or that are of a wrong type, have their default. */
function withDefaults({ token, url, conversationId, application, maxQueued, storage, onRefused, onDropped }) {
  const listener = (given, otherwise) => (typeof given === "function" ? given : otherwise);
  return {
    token,
    url: url ?? new URL(".", import.meta.url).href,
    conversationId: textIn(conversationId),
    application: textIn(application),
    maxQueued: typeof maxQueued === "number" && maxQueued >= 0 ? maxQueued : 1000,
    // Undefined if storage is switched off, or the page is in a sandboxed frame.
    storage: storage === undefined ? attempt(() => window.localStorage) : storage,
    onRefused: listener(onRefused, (refused) => console.warn("plaudit: refused", refused)),
    onDropped: listener(onDropped, (n) => console.warn(`plaudit: ${n} events dropped: the queue is full, or they waited too long`)),
  };
}
