"""Notes beside committed offsets, which Kafka calls metadata.

confluent-kafka reads a note as a C string, but librdkafka does not always end it with a zero. What comes then
is whatever lies in memory behind it, which may not even be text. So a note of ours has an end of its own.
"""

from typing import Any, Final

_END: Final = ";"


def ended(note: str) -> str:
    """A note as it is committed. It must be ASCII without a semicolon; an empty one stays empty."""
    return note + _END if note else ""


def note_of(place: Any) -> str:
    """The note of a committed offset (`confluent_kafka.TopicPartition`); empty if there is none.

    A note without an end, which an earlier release or a tool has committed, is returned as it was read.
    """
    try:
        text: str = place.metadata or ""
    except UnicodeDecodeError as error:
        text = error.object.decode("ascii", "replace")
    return text.partition(_END)[0]
