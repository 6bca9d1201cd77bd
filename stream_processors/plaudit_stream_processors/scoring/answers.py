"""Which records of the log ask for a score. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from json import dumps
from typing import Any, Final, Literal, NamedTuple, get_args

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.names import ADD_MESSAGE
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold import Rules, has_own_place

SkipReason = Literal[
    "status",
    "refused",
    "no_state",
    "erased",
    "tool_calls",
    "aspect",
    "no_version",
    "lag",
    "sample",
    "input",
    "output",
]
"""Why an assistant message gets no score. docs/scoring.md explains each."""

SKIP_REASONS: Final[tuple[SkipReason, ...]] = get_args(SkipReason)
Skips = Counter[SkipReason]


class NewAnswer(NamedTuple):
    """A complete assistant message, as a record of the log announces it.

    Attributes:
        event_id: of the record's event.
        arrived_ms: the broker's timestamp of the record.
        misplaced: the record is in another partition than its key's, or has another key than its event's. By
            the number of partitions that the scorer began with, so only the fold knows.
    """

    application: str
    conversation_id: str
    message_id: str
    event_id: str
    arrived_ms: int
    misplaced: bool = False

    @property
    def key(self) -> str:
        """The key of its conversation."""
        return f"{self.application}/{self.conversation_id}"


def messages_of(
    records: Iterable[KafkaRecord], decoded: Iterable[Record | CodecError]
) -> list[tuple[KafkaRecord, Record]]:
    """The records that bring a message, with their events.

    Args:
        decoded: the records' values as a sparse Decoder returns them.
    """
    return [
        (record, event)
        for record, event in zip(records, decoded, strict=True)
        if not isinstance(event, CodecError) and event["body"][0] == ADD_MESSAGE
    ]


def answers_of(messages: Iterable[tuple[KafkaRecord, Record]], rules: Rules, skips: Skips) -> list[NewAnswer]:
    """The answers among messages, once for each event: the fold may refuse one of them and take another.

    Args:
        skips: counts the assistant messages that are not complete.
    """
    found: dict[tuple[str, str, str], NewAnswer] = {}
    for record, event in messages:
        body = event["body"][1]
        if body["role"] != "assistant":
            continue
        if body["status"] != "complete":
            skips["status"] += 1
            continue
        answer = NewAnswer(
            event["application"],
            event["conversation_id"],
            body.get("message_id", ""),
            event["event_id"],
            record.timestamp,
            not has_own_place(event, record, rules),
        )
        found.setdefault((answer.key, answer.message_id, answer.event_id), answer)
    return list(found.values())


def in_sample(answer: NewAnswer, share: float) -> bool:
    """Whether an answer belongs to a sample of this share. It depends on its ids alone."""
    return share >= 1 or _place(answer) < share


def split_late(answers: Sequence[NewAnswer], before_ms: float) -> tuple[list[NewAnswer], int]:
    """The answers that came at or after this time of the broker, and the number of the others."""
    kept = [answer for answer in answers if answer.arrived_ms >= before_ms]
    return kept, len(answers) - len(kept)


def digest_of(*parts: Any) -> str:
    """The SHA-256 of texts, in hexadecimal; no two lists of texts are taken for each other."""
    return sha256(dumps(parts).encode()).hexdigest()


_PLACES: Final = 1 << 52  # what a float can tell apart


def _place(answer: NewAnswer) -> float:
    """A number from 0 to below 1 that is spread evenly over answers."""
    digest = digest_of(answer.application, answer.conversation_id, answer.message_id)
    return (int(digest[:13], 16) % _PLACES) / _PLACES


def key_of(answer: NewAnswer) -> bytes:
    """The key of the records of an answer's conversation."""
    return conversation_key(answer.application, answer.conversation_id)
