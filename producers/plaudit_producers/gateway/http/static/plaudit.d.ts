/** Types of plaudit.js. */

export interface Options {
  /** A browser token, or a function that gets one: a string, or the answer of `POST /v1/tokens`. It is called again
   * when the token expires, and again if it has not answered within 30 seconds. Events wait while it gives the token of
   * another conversation. */
  token: string | (() => Promise<string | { token: string }> | string | { token: string });
  /** The gateway's URL; by default the folder that this module was loaded from. */
  url?: string;
  /** The conversation of the token; by default read from the token. Give it if `token` is a function: then events that
   * were made before the first token outlive the page, too. */
  conversationId?: string;
  /** The application of the token; by default read from the token. Give it beside `conversationId` if pages of several
   * applications have one origin. */
  application?: string;
  /** How many events may wait; further ones are dropped. 1000 by default. */
  maxQueued?: number;
  /** Where waiting events outlive the page: localStorage by default, null for nowhere. It uses at most a million
   * characters, also for the token of what waits when a page is left. What is left longer than 7 days is dropped. */
  storage?: Storage | null;
  /** Called for each event that the gateway refused for good. It is not sent again. */
  onRefused?: (refused: Refused) => void;
  /** Called with the number of events that were dropped because the queue was full, or because earlier visits left them
   * too long ago or left too many. */
  onDropped?: (count: number) => void;
}

export interface Refused {
  event_id: string | null;
  status: "refused";
  reason: "invalid" | "forbidden";
  detail?: string;
}

export interface Model {
  id: string;
  version?: string;
  metadata?: Record<string, string>;
}

/** Each event needs what the token grants; see "Keys and tokens" in the gateway's guide. What is not granted is refused
 * as `forbidden`. */
export interface StartFields {
  /** Needs a token with the grant `consent`, except "unspecified". */
  consent?: "unspecified" | "granted" | "denied";
  /** Needs a token with the grant `tags`. */
  tags?: Record<string, string>;
  session?: string;
  /** Needs a token with the role `assistant`. */
  model?: Model;
}

export interface MessageFields {
  messageId?: string;
  /** The message that this one follows, "" for a root. By default the last one that this page added or was told of, if it
   * knows which one that is; else, and with null, the one before it in the log. See `follow`. */
  parentId?: string | null;
  status?: "complete" | "partial" | "cut" | "error";
  /** Needs a token with the role `assistant`. */
  latency_ms?: number;
  metadata?: Record<string, string>;
}

export interface FeedbackFields {
  id?: string;
  aspect?: string;
  comment?: string;
  /** From 0 to 1. */
  confidence?: number;
}

export interface CompareFields {
  comparisonId?: string;
  aspect?: string;
  comment?: string;
  none_acceptable?: boolean;
}

/** Make a ULID; `now` is in milliseconds since 1970. */
export function ulid(now?: number): string;

/** Connect to the token's conversation. It also sends the events that an earlier visit left. */
export function connect(options: Options): Conversation;

/** No method but `flush` waits for the network, and none throws. Methods that send return the id of what they made; what
 * can never be sent, such as an id with half a surrogate pair, is told to `onRefused`. */
export class Conversation {
  constructor(options: Options);
  readonly conversationId: string | null;
  readonly waiting: number;
  /** Needs a token with the grant `start`. */
  start(fields?: StartFields): string;
  /** Add a message and return its id. The token says which roles the page may add; by default only `user`. */
  add(role: "user" | "assistant", content: string, fields?: MessageFields): string;
  /** Tell of a message that your backend has added: the next message of this page follows it. Null says that it is not
   * known which message is the last. */
  follow(messageId: string | null): void;
  /** Here and below, a message id of null means the whole conversation. */
  like(messageId: string | null, fields?: FeedbackFields): string;
  dislike(messageId: string | null, fields?: FeedbackFields): string;
  rate(messageId: string | null, number: number, fields?: FeedbackFields & { minimum?: number; maximum?: number }): string;
  comment(messageId: string | null, text: string, fields?: FeedbackFields): string;
  correct(messageId: string, content: string, fields?: FeedbackFields): string;
  signal(messageId: string | null, name: string, number?: number, fields?: FeedbackFields): string;
  withdraw(
    messageId: string | null,
    kind: "thumb" | "number" | "label" | "text" | "correction" | "signal",
    fields?: { aspect?: string; signal?: string },
  ): string;
  compare(candidates: string[], ranking: (string | string[])[], fields?: CompareFields): string;
  end(reason?: "closed" | "cleared" | "error"): string;
  /** Wait until no event waits any more; resolves to the number of events that still wait after `timeoutMs`. */
  flush(timeoutMs?: number): Promise<number>;
  close(): void;
}
