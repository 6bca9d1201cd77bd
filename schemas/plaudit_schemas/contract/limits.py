"""The limits of the contract, as a table. Producers check them, and the fold checks them again."""

from typing import Final, NamedTuple


class Limit(NamedTuple):
    """One limit: the largest value that is allowed, its unit, and what it holds for."""

    value: int
    unit: str
    holds_for: str


LIMITS: Final[dict[str, Limit]] = {
    "id_characters": Limit(128, "characters", "an id, an aspect, and the name of a signal"),
    "content_bytes": Limit(1 << 20, "bytes of UTF-8", "a text"),
    "metadata_entries": Limit(32, "entries", "metadata, tags, variants and labels"),
    "sequence": Limit(2**53 - 1, "", "a producer's sequence: sums fit a long, and JSON numbers hold it"),
    "future_micros": Limit(60_000_000, "microseconds", "event time after the broker's; later is cut to it"),
    "event_bytes": Limit((2 << 20) - 4096, "bytes", "an encoded event: the topic's limit less key and batch"),
    "finished_bytes": Limit((64 << 20) - 1024, "bytes", "an encoded finished conversation, likewise"),
    "refusal_characters": Limit(1000, "characters", "the detail of a dead letter"),
}

ID_CHARACTERS: Final = LIMITS["id_characters"].value
CONTENT_BYTES: Final = LIMITS["content_bytes"].value
METADATA_ENTRIES: Final = LIMITS["metadata_entries"].value
SEQUENCE_LIMIT: Final = LIMITS["sequence"].value + 1
"""A sequence lies below it."""
FUTURE_MICROS: Final = LIMITS["future_micros"].value
EVENT_BYTES: Final = LIMITS["event_bytes"].value
FINISHED_BYTES: Final = LIMITS["finished_bytes"].value
REFUSAL_CHARACTERS: Final = LIMITS["refusal_characters"].value
APPLICATION_PATTERN: Final = r"^[A-Za-z0-9._-]{1,128}$"
