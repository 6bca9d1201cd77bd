"""Dead letters that wait to be sent again: which count, and for how long."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from plaudit_schemas.contract.reasons import Reason, Refusal
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.kafka.resent_letters import Resent
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.dead_letters.waiting import PartitionTally, WaitingLetters, sum_of
from plaudit_stream_processors.worker import letter_watch
from plaudit_stream_processors.worker.letter_watch import LetterWatch
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from prometheus_client import generate_latest

from harness.waiting import eventually

EVENTS = "plaudit.conversation-events"


def _letter(offset: int, reason: Reason = "wrong_partition", topic: str = EVENTS) -> KafkaRecord:
    """A letter that was written a second after its record arrived, at 1000 s and its offset."""
    refused = KafkaRecord(7, 3, 1000 * (1000 + offset), b"k", b"v")
    sent = DeadLetter.of(refused, topic, Refusal(reason, "")).to_send("letters")
    return KafkaRecord(0, offset, refused.timestamp + 1000, sent.key, sent.value, sent.headers or ())


def _foreign(offset: int, *headers: tuple[str, bytes | None]) -> KafkaRecord:
    return KafkaRecord(0, offset, 0, b"k", b"v", headers)


@pytest.mark.parametrize(
    ("letters", "resent", "found"),
    [
        pytest.param([], {}, None, id="none"),
        pytest.param([_letter(0), _letter(4)], {}, (2, 1_000_000, 1_004_000, 1_001_000), id="two"),
        pytest.param(
            [_letter(0), _letter(4)],
            {"wrong_partition": 1, "unknown_body": 99},
            (1, 1_004_000, 1_004_000, 1_005_000),
            id="one was sent again",
        ),
        pytest.param([_letter(0)], {"wrong_partition": 1}, None, id="all were sent again"),
        pytest.param([_letter(0, "invalid"), _letter(1, "expired")], {}, None, id="nothing helps these"),
        pytest.param([_letter(0, topic="plaudit.finished")], {}, None, id="of another topic"),
        pytest.param(
            [_foreign(0), _foreign(1, ("reason", b"wrong_partition")), _foreign(2, ("reason", None))],
            {},
            None,
            id="not ours",
        ),
    ],
)
def test_letters_count_until_they_are_sent_again(
    letters: list[KafkaRecord], resent: Resent, found: tuple[int, ...] | None
) -> None:
    tally = PartitionTally(resent, 0)
    for letter in letters:
        tally.take(letter, EVENTS)
    expected = {} if found is None else {"wrong_partition": WaitingLetters(*found)}
    assert tally.waiting == expected


def test_a_tally_is_outdated_by_what_was_sent_again_and_by_what_was_deleted() -> None:
    tally = PartitionTally({}, 0)
    assert not tally.is_outdated({}, 5), "nothing that counts was deleted"
    tally.take(_letter(6), EVENTS)
    assert not tally.is_outdated({}, 0)
    assert tally.is_outdated({}, 5)
    assert tally.is_outdated({"unknown_body": 1}, 0)


def test_partitions_add_up() -> None:
    tallies = [PartitionTally({}, 0) for _ in range(3)]
    for at, tally in enumerate(tallies):
        tally.take(_letter(at), EVENTS)
        tally.take(_letter(10 + at, "unknown_body"), EVENTS)
    assert sum_of(tallies) == {
        "wrong_partition": WaitingLetters(3, 1_000_000, 1_002_000, 1_001_000),
        "unknown_body": WaitingLetters(3, 1_010_000, 1_012_000, 1_011_000),
    }


def test_the_gauges_say_until_when() -> None:
    metrics = WorkerMetrics()

    def shown(name: str) -> list[str]:
        text = generate_latest(metrics.registry).decode()
        return [
            line for line in text.splitlines() if line.startswith(f"plaudit_waiting_letters{name}{{reason")
        ]

    letters = {"wrong_partition": WaitingLetters(3, 1_000_000, 1_002_000, 1_001_000)}
    metrics.show_letters(letters, 600_000)  # type: ignore[arg-type]  # a literal
    assert 'plaudit_waiting_letters{reason="wrong_partition"} 3.0' in shown("")
    assert 'plaudit_waiting_letters{reason="unknown_body"} 0.0' in shown("")
    (last,) = [line for line in shown("_last_timestamp_seconds") if "wrong" in line]
    assert last.endswith(" 1002.0")
    assert shown("_deadline_timestamp_seconds")[0].endswith(" 1601.0"), "counted from when it was written"
    metrics.show_letters(letters, 0)  # type: ignore[arg-type]  # a literal
    assert shown("_deadline_timestamp_seconds")[0].endswith(" +Inf")
    metrics.show_letters(None, 0)
    assert shown("") == [], "another worker shows them"


class _Topic:
    """A dead-letter topic with one partition, and what was sent again of it. Stands for both clients."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        self.away = False
        self.recorded: list[dict[int, Resent]] = []
        self.low, self.letters, self.resent = 0, [_letter(0), _letter(1)], dict[Any, int]()

    def __enter__(self) -> "_Topic":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def close(self) -> None:
        pass

    def partitions(self) -> list[int]:
        return [0]

    def ends(self, _partition: int) -> tuple[int, int]:
        return self.low, len(self.letters)

    def records(self, _partition: int, first: int, end: int) -> Iterator[KafkaRecord]:
        yield from self.letters[first:end]

    def read(self, _partitions: list[int]) -> dict[int, Resent]:
        if self.away:
            raise ServiceUnavailableError("Kafka does not answer")
        return {0: dict(self.resent)}

    def record(self, sent: dict[int, Resent]) -> None:
        self.recorded.append(sent)


def _count(watch: LetterWatch) -> int:
    return 0 if not watch.waiting else watch.waiting["wrong_partition"].letters


def test_the_watch_follows_the_topic(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    topic, mine = _Topic(), threading.Event()
    monkeypatch.setattr(letter_watch, "TopicReader", lambda *_, **__: topic)
    monkeypatch.setattr(letter_watch, "ResentLetters", lambda *_: topic)
    watch = LetterWatch(ConnectionSettings(), 0.01, mine.is_set)
    watch.start()
    try:
        mine.set()
        eventually(lambda: _count(watch) == 2, "it counts what is there", 20)
        topic.letters.append(_letter(2))
        eventually(lambda: _count(watch) == 3, "it counts what comes", 20)
        topic.low = 1
        eventually(lambda: _count(watch) == 2, "one was deleted", 20)
        topic.away = True
        eventually(lambda: "Kafka does not answer" in caplog.text, "it says that it is blind", 20)
        assert _count(watch) == 2, "what is known stays"
        topic.resent, topic.away = {"wrong_partition": 2}, False
        eventually(lambda: _count(watch) == 1, "one was sent again", 20)
        assert caplog.text.count("Kafka does not answer") == 1, "once"
        assert topic.recorded == [{}, {0: {"wrong_partition": 2}}], "again with each connection"
        monkeypatch.setattr(letter_watch, "_REFRESH_S", 0.0)
        eventually(lambda: len(topic.recorded) > 4, "recorded again, or Kafka would forget it", 20)
        mine.clear()
        eventually(lambda: watch.waiting is None, "another worker counts now", 20)
    finally:
        watch.stop()
