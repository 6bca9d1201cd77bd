"""The limits of the contract. Producers check them, and the fold checks them again."""

from typing import Final, NamedTuple


class Limit(NamedTuple):
    """The largest value that is allowed, its unit, and what it applies to."""

    value: int
    unit: str
    holds_for: str


LIMITS: Final[dict[str, Limit]] = {
    "id_characters": Limit(128, "characters", "an id, an aspect, and the name of a signal"),
    "content_bytes": Limit(1 << 20, "bytes of UTF-8", "a text"),
    "metadata_entries": Limit(32, "entries", "metadata, tags, variants and labels"),
    "spans": Limit(1000, "spans", "one feedback"),
    # The largest integer that a JSON number holds exactly. Sums of sequences also fit a 64-bit long.
    "sequence": Limit(2**53 - 1, "", "a producer's sequence"),
    # As many as fit into the five bytes that are reserved for it (codec.event_encoder).
    "held_ms": Limit(2**33 - 1, "milliseconds", "how long an event waited before it was sent"),
    "future_micros": Limit(60_000_000, "microseconds", "event time ahead of the broker's; cut to this"),
    # The topics' max.message.bytes, less room for the key and Kafka's record batch.
    "event_bytes": Limit((2 << 20) - 4096, "bytes", "an encoded event"),
    "finished_bytes": Limit((64 << 20) - 1024, "bytes", "an encoded finished conversation"),
    # One conversation. Messages are refused above the first three. Votes, signals and facts have the reserve
    # above them, and what is never refused for its size has the reserve once more.
    "conversation_bytes": Limit(16 << 20, "bytes of JSON", "what the events of a conversation say"),
    "conversation_messages": Limit(10_000, "messages", "a conversation"),
    "conversation_events": Limit(40_000, "events", "a conversation"),
    # Each vote looks at all others of its message.
    "message_slots": Limit(1000, "ratings and signals", "a message"),
    "conversation_reserve": Limit(25, "percent", "what follows a conversation's last message"),
    # Only rules before version 5 let a conversation grow so large. It is certain to be over finished_bytes.
    "overgrown_bytes": Limit(96 << 20, "bytes of JSON", "a conversation that still becomes a record"),
    "refusal_characters": Limit(1000, "characters", "the detail of a dead letter"),
}

ID_CHARACTERS: Final = LIMITS["id_characters"].value
CONTENT_BYTES: Final = LIMITS["content_bytes"].value
METADATA_ENTRIES: Final = LIMITS["metadata_entries"].value
SPANS_LIMIT: Final = LIMITS["spans"].value
SEQUENCE_LIMIT: Final = LIMITS["sequence"].value + 1
"""The first number that is too large for a sequence."""
HELD_LIMIT: Final = LIMITS["held_ms"].value + 1
"""The first number that is too large for `held_ms`."""
FUTURE_MICROS: Final = LIMITS["future_micros"].value
EVENT_BYTES: Final = LIMITS["event_bytes"].value
FINISHED_BYTES: Final = LIMITS["finished_bytes"].value
CONVERSATION_BYTES: Final = LIMITS["conversation_bytes"].value
CONVERSATION_MESSAGES: Final = LIMITS["conversation_messages"].value
CONVERSATION_EVENTS: Final = LIMITS["conversation_events"].value
MESSAGE_SLOTS: Final = LIMITS["message_slots"].value
CONVERSATION_RESERVE: Final = LIMITS["conversation_reserve"].value
"""In percent of the bytes and events above."""
OVERGROWN_BYTES: Final = LIMITS["overgrown_bytes"].value
REFUSAL_CHARACTERS: Final = LIMITS["refusal_characters"].value
APPLICATION_PATTERN: Final = r"^[A-Za-z0-9._-]{1,128}$"
