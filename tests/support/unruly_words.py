"""Random events as careless or hostile producers send them.

Beyond `MixedWords`: ends and erasures of chats that nobody began, declined reviews, wrong keys and
partitions, bytes that are no event, dead letters that are sent again, and silences longer than states are
kept.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.mixed_words import MixedWords, Record

ENCODER: Final = Encoder("conversation_event")
GARBAGE: Final = (b"", b"garbage", b"\x00\x00\x00\x00\x07rest", None)


class UnrulyWords(MixedWords):
    """Makes events whose order no client keeps. Many conversations have few events."""

    def __init__(self, seed: int, conversations: int) -> None:
        super().__init__(seed, conversations)
        self.held = True
        self._conversations = conversations

    def _event(self) -> Record:
        record = super()._event()
        if self._random.random() < 0.3:  # few events each, so that any may be the first or the only one
            record["conversation_id"] = f"rare{self._random.randrange(self._conversations * 10)}"
        return record

    def _body(self) -> tuple[str, Record]:
        chance = self._random.random()
        if chance < 0.15:
            return self._end()
        if chance < 0.19:
            return "EraseConversation", {"reason": "asked"}
        if chance < 0.24:
            rater = {"kind": "reviewer", "id": "r"}
            return "DeclineReview", {"item_id": "i", "message_id": "m1", "rater": rater, "reason": ""}
        if chance < 0.28:
            return "UpdateConversation", {"consent": "denied"}
        return super()._body()


def encoded(words: MixedWords, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Events as keys and values of records."""
    for event in words.events(count):
        yield conversation_key(event["application"], event["conversation_id"]), ENCODER.encode(event)


class UnrulyLog:
    """The partitions of a log, which grows. Offsets may have gaps, as those of transactions have.

    Attributes:
        partitions: the records of each partition.
        ends: the offset after the last record of each.
    """

    def __init__(self, seed: int, *, conversations: int = 12, count: int = 2, began_ms: int) -> None:
        """`began_ms` is the broker's time of the first record."""
        self._random, self._words = Random(seed), UnrulyWords(seed, conversations)
        self._now_ms = began_ms
        self.partitions: list[list[KafkaRecord]] = [[] for _ in range(count)]
        self.ends = [0] * count

    def grow(self, events: int, silence_ms: int) -> None:
        """Append some events, and now and then a silence that is longer than `silence_ms`."""
        for event in self._words.events(events):
            self._now_ms += self._random.choice((0, 1, 40, 2000, 30_000))
            if self._random.random() < 0.02:
                self._now_ms += silence_ms + self._random.randrange(2 * silence_ms)
            self._append(event)

    def _append(self, event: Record) -> None:
        random = self._random
        key: bytes | None = conversation_key(event["application"], event["conversation_id"])
        value: bytes | None = ENCODER.encode(event)
        partition = partition_of(key or b"", len(self.partitions))
        chance = random.random()
        if chance < 0.02:
            partition = (partition + 1) % len(self.partitions)
        elif chance < 0.03:
            key = random.choice((None, b"", b"shop/other", b"nothing"))
        elif chance < 0.05:
            value = random.choice(GARBAGE)
        headers = [("trace", b"1")] if random.random() < 0.05 else []
        self._put(partition, key, value, headers)
        if chance > 0.98:
            sent_first = str(self._now_ms - random.choice((0, 5000, 10**8))).encode()
            self._put(partition, key, value, [(FIRST_ARRIVAL, sent_first)])

    def _put(self, partition: int, key: bytes | None, value: bytes | None, headers: list[Any]) -> None:
        offset = self.ends[partition] + (1 if self._random.random() < 0.03 else 0)
        record = KafkaRecord(partition, offset, self._now_ms, key, value, tuple(headers))
        self.partitions[partition].append(record)
        self.ends[partition] = offset + 1

    def records(self, partition: int, first: int, end: int) -> Iterator[KafkaRecord]:
        """As `TopicReader.records`."""
        return (each for each in self.partitions[partition] if first <= each.offset < end)
