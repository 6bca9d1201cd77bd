"""The sink's loop without Kafka: what it does when the output cannot be written."""

import threading
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, cast

import pytest
from plaudit_consumers.sink.errors import LogChangedError, OutputUnavailableError, UnfinishedError
from plaudit_consumers.sink.loop.consumer import SinkConsumer
from plaudit_consumers.sink.loop.loop import SinkLoop
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.once import OnceGoal
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.offline_sink import log, sink
from tests.support.sinks import sources


class FakeConsumer:
    """A SinkConsumer of one partition whose log is a list; each fetch gives one record."""

    topic = "finished"

    def __init__(self, records: list[KafkaRecord], low: int = 0) -> None:
        self.records, self.low = records, low
        self.at_end: set[int] = set()
        self.committed: list[int] = []
        self.starts: list[int] = []
        self.before_fetch: Callable[[], None] = lambda: None

    def subscribe(self, on_assign: Callable[[list[int]], None], *_others: Any) -> None:
        on_assign([0])

    def fetch(self) -> Iterator[KafkaRecord]:
        self.before_fetch()
        if self._next == len(self.records):
            self.at_end.add(0)
            return iter(())
        self._next += 1
        return iter([self.records[self._next - 1]])

    def assign(self, offsets: Mapping[int, int]) -> None:
        if 0 in offsets:
            self._next = offsets[0]
            self.starts.append(self._next)

    def reassign(self, offsets: Mapping[int, int]) -> None:
        self.at_end.clear()
        self.assign(offsets)

    def bounds(self, _partition: int) -> tuple[int, int]:
        return self.low, len(self.records)

    def known_end(self, _partition: int) -> int | None:
        return len(self.records)

    def commit_position(self, _partition: int, position: int) -> None:
        self.committed.append(position)

    def close(self) -> None:
        pass


class EndOfLog:
    """A goal that is reached once partition 0 is written to its end."""

    def missing(self, done: Set[int] = frozenset()) -> dict[int, tuple[int, int]]:
        return {} if 0 in done else {0: (0, 1)}


ONCE = cast("OnceGoal", EndOfLog())


class Pauses(threading.Event):
    """A stop signal that notes how long the loop would wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()


def _loop(consumer: FakeConsumer, one: Any, stop: Pauses) -> tuple[SinkLoop, SinkMetrics, SinkReadiness]:
    metrics, readiness = SinkMetrics(), SinkReadiness()
    loop = SinkLoop(
        cast("SinkConsumer", consumer),
        one,
        rotate_minutes=1e6,
        metrics=metrics,
        readiness=readiness,
        stop=stop,
    )
    return loop, metrics, readiness


def _fail_publishing(one: Any, times: int) -> None:
    publish, left = one._output.publish, [times]

    def failing(file: Path, path: str) -> bool:
        if left[0]:
            left[0] -= 1
            raise OutputUnavailableError("the disk is full; the sink waits")
        return bool(publish(file, path))

    one._output.publish = failing


def test_dropped_records_are_read_again_and_committed_with_the_last_of_them(tmp_path: Path) -> None:
    consumer, one, stop = FakeConsumer(log(13)), sink(tmp_path, rotate_rows=8), Pauses()
    _fail_publishing(one, 2)
    loop, metrics, readiness = _loop(consumer, one, stop)
    problems: list[str | None] = []
    consumer.before_fetch = lambda: problems.append(readiness.problem())
    loop.run(ONCE)
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(13)}
    # The failure drops records 0 to 7. They are committed as soon as 7 is back, before record 8 has come.
    # That fails once more, and then works.
    assert consumer.starts == [0, 0, 0]
    assert consumer.committed == [8, 13]
    waiting = "the disk is full; the sink waits"
    assert problems == [None] * 9 + [waiting] * 16 + [None] * 6
    assert stop.seconds == [1.0, 1.0]
    assert metrics.value("plaudit_sink_waits_total") == 2


@pytest.mark.parametrize("failures", [0, 1], ids=["it can be written", "it cannot be written once"])
def test_the_readme_follows_the_commits_and_takes_none_back(tmp_path: Path, failures: int) -> None:
    consumer, one, stop = FakeConsumer(log(13)), sink(tmp_path, rotate_rows=8), Pauses()
    replace, left, written = one._output.replace, [failures], list[bytes]()

    def replacing(path: str, data: bytes) -> None:
        if left[0]:
            left[0] -= 1
            raise OutputUnavailableError("README.md cannot be written; the sink waits")
        replace(path, data)
        written.append(data)

    one._output.replace = replacing  # type: ignore[method-assign]
    loop, metrics, readiness = _loop(consumer, one, stop)
    loop.run(ONCE)
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(13)}
    # The ninth record was held when the README failed. It is dropped, and committed alone when it is back.
    assert consumer.committed == ([8, 9, 13] if failures else [8, 13])
    assert metrics.value("plaudit_sink_records_total") == 13
    assert metrics.value("plaudit_sink_waits_total") == failures
    assert len(set(written)) == len(written) >= 2, "one after the first file, and one at the end"
    assert readiness.problem() is None


def test_an_output_that_does_not_answer_is_asked_with_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, one, stop = FakeConsumer(log(3)), sink(tmp_path), Pauses()
    loop, metrics, readiness = _loop(consumer, one, stop)
    paths, left = one._output.paths, [6]

    def away(folder: str) -> list[str]:
        if left[0]:
            left[0] -= 1
            raise OutputUnavailableError("the store is away; the sink waits")
        return list(paths(folder))

    monkeypatch.setattr(one._output, "paths", away)
    loop.run(ONCE)
    assert stop.seconds == [1.0, 2.0, 5.0, 10.0, 10.0, 10.0]
    assert readiness.problem() is None
    assert metrics.value("plaudit_sink_waits_total") == 6
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(3)}


def test_a_sink_that_is_stopped_does_not_wait_for_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, one, stop = FakeConsumer(log(3)), sink(tmp_path), Pauses()
    loop, _, _ = _loop(consumer, one, stop)

    def away(_folder: str) -> list[str]:
        stop.set()
        raise OutputUnavailableError("the store is away; the sink waits")

    monkeypatch.setattr(one._output, "paths", away)
    with pytest.raises(OutputUnavailableError):
        loop.run(ONCE)
    assert stop.seconds == []


def test_a_stop_before_the_goal_says_what_is_missing(tmp_path: Path) -> None:
    consumer, stop = FakeConsumer(log(13)), Pauses()
    loop, _, _ = _loop(consumer, sink(tmp_path), stop)
    left = [5]

    def stop_in_the_middle() -> None:
        left[0] -= 1
        if not left[0]:
            stop.set()

    consumer.before_fetch = stop_in_the_middle
    with pytest.raises(UnfinishedError, match="partition 0 is written up to 0 of 1; run"):
        loop.run(ONCE)
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(5)}


def test_a_sink_without_partitions_is_done_once_others_have_written_all(tmp_path: Path) -> None:
    class WrittenByOthers:
        left = 3

        def missing(self, _done: Set[int] = frozenset()) -> dict[int, tuple[int, int]]:
            self.left -= self.left > 0
            return {1: (2, 3)} if self.left else {}

    consumer, stop, goal = FakeConsumer(log(3)), Pauses(), WrittenByOthers()
    _loop(consumer, sink(tmp_path), stop)[0].run(cast("OnceGoal", goal))
    assert goal.left == 0
    assert sources(tmp_path) == {(0, offset): 1 for offset in range(3)}


def test_lost_partitions_make_the_sink_unready_until_it_is_in_its_group_again(tmp_path: Path) -> None:
    consumer, one, stop = FakeConsumer(log(3)), sink(tmp_path), Pauses()
    loop, _, readiness = _loop(consumer, one, stop)
    loop._on_assign([0])
    assert readiness.problem() is None
    loop._on_lost([0])
    assert readiness.problem() == "it is not in its consumer group"
    loop._on_assign([])
    assert readiness.problem() is None


def test_records_that_kafka_deleted_are_counted_and_a_shorter_log_is_an_error(tmp_path: Path) -> None:
    _loop(FakeConsumer(log(5)), sink(tmp_path), Pauses())[0].run(ONCE)
    gap = FakeConsumer(log(12), low=8)
    loop, metrics, _ = _loop(gap, sink(tmp_path), Pauses())
    loop.run(ONCE)
    assert metrics.value("plaudit_sink_lost_records_total") == 3
    assert metrics.value("plaudit_sink_lost_timestamp_seconds") > 0
    (recorded,) = tmp_path.glob(".plaudit/lost/id-1/*.json")
    assert recorded.name == "0000-000000000005-000000000007.json"
    assert sorted(offset for _, offset in sources(tmp_path)) == [*range(5), *range(8, 12)]
    with pytest.raises(LogChangedError, match="ends at offset 4, but the output goes up to 12"):
        _loop(FakeConsumer(log(4)), sink(tmp_path), Pauses())[0].run(ONCE)
