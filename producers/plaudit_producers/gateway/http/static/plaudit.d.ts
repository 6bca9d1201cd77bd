/** Types of plaudit.js. */

export interface Options {
  /** A browser token, or a function that gets one (a text, or what `POST /v1/tokens` answers); called again when it ends. */
  token: string | (() => Promise<string | { token: string }> | string | { token: string });
  /** The gateway; where this module was loaded from otherwise. */
  url?: string;
  /** The conversation of the token; read from the token otherwise. */
  conversationId?: string;
  /** Events that may wait; a further one is dropped. 1000 otherwise. */
  maxQueued?: number;
  /** Where events outlive the page; null for nowhere, localStorage otherwise. At most a million characters are used. */
  storage?: Storage | null;
  /** An event that the gateway will never take; it is not sent again. */
  onRefused?: (refused: Refused) => void;
  /** Events that found no room in the queue. */
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

export interface StartFields {
  consent?: "unspecified" | "granted" | "denied";
  tags?: Record<string, string>;
  session?: string;
  /** Only with a token whose roles hold `assistant`. */
  model?: Model;
}

export interface MessageFields {
  messageId?: string;
  /** The message that this one follows; "" for a root, the one before it otherwise. */
  parentId?: string;
  status?: "complete" | "partial" | "cut" | "error";
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

/** A ULID. */
export function ulid(now?: number): string;

/** Connect to the token's conversation; sends what an earlier visit left. */
export function connect(options: Options): Conversation;

/** No method waits for the network. Those that send return the id of what they made. */
export class Conversation {
  constructor(options: Options);
  readonly conversationId: string | null;
  readonly waiting: number;
  start(fields?: StartFields): string;
  /** Returns the message's id. The token says which roles the page may add; `user` alone otherwise. */
  add(role: "user" | "assistant", content: string, fields?: MessageFields): string;
  /** A message id of null is the whole conversation, here and below. */
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
  flush(timeoutMs?: number): Promise<number>;
  close(): void;
}
