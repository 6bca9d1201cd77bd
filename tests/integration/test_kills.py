"""Worker and sink killed again and again while events flow: everything agrees with the log."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plaudit_consumers.rows.schemas import RECORDS
from plaudit_infra.audit.report import text
from plaudit_infra.audit.run import audit
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line
from tests.support.sinks import Sinks, rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

ROUNDS = 24
_CLOCKS = ("finished_at", "recorded_at", "record_offset")


def _rows(output: Path) -> dict[str, list[str]]:
    """Every row but for when Kafka took it, sorted."""
    return {
        subset: sorted(
            repr({name: value for name, value in row.items() if name not in _CLOCKS})
            for row in rows(output, subset)
        )
        for subset in RECORDS
    }


class _Victims:
    """A worker and a sink, one of which is killed in each round."""

    def __init__(self, line: Line, sinks: Sinks, rng: random.Random) -> None:
        self.line, self.sinks, self.rng = line, sinks, rng
        self.out = Path(sinks.output)

    def files(self) -> int:
        return len(list(self.out.glob("v1/conversations/*/*.parquet")))

    def round(self, sent: list[tuple[bytes, bytes]]) -> None:
        """Kill one after it has come on a bit, at a random moment; the next one goes on."""
        kill, progress = self.rng.choice([(self._worker, self.line.folded), (self._sink, self.files)])
        before = progress()
        self.line.send(sent)
        eventually(lambda: progress() > before, f"it comes on: {self.line.logs()} {self.sinks.logs()}")
        time.sleep(self.rng.random() * 0.3)  # the moment is the test's input, not a wait for anything
        kill()

    def _worker(self) -> None:
        self.line.end_worker(self.line.workers[-1])
        self.line.start_worker()

    def _sink(self) -> None:
        self.sinks.running[-1].kill()
        self.sinks.running[-1].wait(120)
        self.sinks.start()


@pytest.fixture
def stopped(line: Callable[..., Line], tmp_path: Path) -> Iterator[Callable[[str], tuple[Line, Sinks]]]:
    """Makes lines with sinks, and stops those."""
    made: list[Sinks] = []

    def make(name: str) -> tuple[Line, Sinks]:
        # Named members: whoever takes a dead one's place need not wait until its session has run out.
        one = line(partitions=2, settings={"worker_batch": "100", "worker_instance": "worker"})
        settings = {"rotate_rows": "20", "sink_instance": "sink", "rotate_minutes": "0.05"}
        made.append(Sinks(one.connection, one.folder, str(tmp_path / name), settings))
        return one, made[-1]

    yield make
    for sinks in made:
        sinks.stop()


def test_kills_of_worker_and_sink_change_no_row(stopped: Callable[[str], tuple[Line, Sinks]]) -> None:
    rng, now = random.Random(11), time.time_ns() // 1000
    sent = list(events(ROUNDS * 1500, open_conversations=100, start_us=now))
    one, sinks = stopped("killed")
    one.start_worker()
    sinks.start()
    victims = _Victims(one, sinks, rng)
    for number in range(ROUNDS):
        victims.round(sent[number * 1500 : (number + 1) * 1500])
    one.wait_folded(supervised=True)
    one.stop_workers()
    sinks.stop()
    sinks.once(rotate_minutes="15")
    report = audit(one.connection, WorkerSettings(), sinks.output)
    assert report.balanced, text(report)
    assert report.pending == []
    calm, writing = stopped("calm")
    calm.send(sent)
    calm.start_worker()
    calm.wait_folded()
    writing.once(rotate_minutes="15")
    expected = _rows(Path(writing.output))
    assert _rows(victims.out) == expected
    assert len(expected["conversations"]) > 1000
    assert victims.files() > ROUNDS
