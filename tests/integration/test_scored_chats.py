"""Real chats scored while whatever can go wrong does: each answer once, by the version that was active."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from plaudit_infra.audit.report import text
from plaudit_infra.audit.run import audit
from plaudit_infra.main import main
from plaudit_producers.importers.run import Pace
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import ADD_MESSAGE
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.models.activations import Activation
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.figures import figures, summed
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.waiting import eventually
from tests.producers.importers.files import import_file
from tests.support.line import Line
from tests.support.recount import Recount, recount
from tests.support.scorers import Scorers, SentScore, once
from tests.support.services import shared_data
from tests.support.sinks import Sinks, rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1500)]

KILLS = 20
SWAPS = {5: "2", 12: "3"}  # round -> the version that is published in it
REBALANCE, EMPTIED = 9, 15  # rounds
SLICE = 100  # records
# The versions disagree on every answer, so a score by the wrong one is seen.
WEIGHTS = {
    "1": {"the": 0.3, "i": 0.2, "you": -0.2, "that": 0.4, "a": 0.1, "?": -0.3, ".": 0.05},
    "2": {"the": -0.3, "i": -0.2, "you": 0.3, "that": -0.4, "a": 0.2, "?": 0.5, ".": 0.15},
    "3": {"the": 0.1, "i": 0.5, "you": 0.2, "that": -0.1, "a": -0.6, "?": 0.2, ".": 0.35},
}
Place = tuple[str, str]


@pytest.fixture
def scorers() -> Iterator[Callable[..., Scorers]]:
    """Makes scorers, and stops them."""
    made: list[Scorers] = []

    def make(line: Line, **settings: str) -> Scorers:
        made.append(Scorers(line, settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class _Turmoil:
    """A worker and one or two scorers. What ends is started again, as a supervisor does."""

    def __init__(self, line: Line, scoring: Scorers, rng: random.Random) -> None:
        self.line, self.scoring, self.rng = line, scoring, rng
        self._victims = ["worker", "scorer"] * (KILLS // 2)
        rng.shuffle(self._victims)
        first = self.publish("1")
        eventually(lambda: time.time() * 1000 > first.active_from_ms + 100, "the first version is active")
        self._worker = line.start_worker()
        self._scorers = [scoring.start()]

    def round(self, sent: list[tuple[bytes, bytes]], number: int) -> None:
        """Send the records of a round, and let happen what happens in it, each at a random moment."""
        slices = [sent[first : first + SLICE] for first in range(0, len(sent), SLICE)]
        happenings: list[Callable[[], object]] = [self.kill_one]
        if number in SWAPS:
            happenings.append(lambda: self.publish(SWAPS[number]))
        if number == REBALANCE:
            happenings.append(lambda: self._scorers.append(self.scoring.start()))
        if number == EMPTIED:
            happenings.append(self._empty_redis)
        moments = {happening: self.rng.randrange(1, len(slices)) for happening in happenings}
        progress = self.line.folded()
        for index, records in enumerate(slices):
            for happening, moment in moments.items():
                if moment == index:
                    happening()
            self.line.send(records)
            time.sleep(0.05)  # spreads the records over time, so that versions change among them
            self.keep()
        if number != EMPTIED:
            eventually(lambda: self._goes_on(progress), "the worker comes on", 120)

    def _goes_on(self, before: int) -> bool:
        self.keep()
        return self.line.folded() > before

    def kill_one(self) -> None:
        """Kill the worker or a scorer, as `kill -9` does."""
        is_worker = self._victims.pop() == "worker"
        victim = self._worker if is_worker else self.rng.choice(self._scorers)
        self.line.ended.add(victim.pid)
        victim.kill()
        victim.wait(60)

    def keep(self) -> None:
        """Start again what has ended."""
        if self._worker.poll() is not None:
            self._worker = self.line.start_worker()
        for index, scorer in enumerate(self._scorers):
            if scorer.poll() is not None:
                self._scorers[index] = self.scoring.start()

    def settle(self) -> None:
        """Wait until everything is folded, scored, and the scores are folded too."""
        self.line.wait_folded(supervised=True)
        self.keep()
        self.scoring.wait_scored()
        self.line.wait_folded(supervised=True)

    def publish(self, version: str) -> Activation:
        """Publish a version."""
        return self.scoring.publish(version, WEIGHTS[version])

    def _empty_redis(self) -> None:
        with self.line._client() as client:
            client.flushall()


@pytest.fixture
def scored(
    line: Callable[..., Line],
    scorers: Callable[..., Scorers],
    valkey_server: Callable[[], Any],
) -> tuple[Line, Scorers]:
    """All of topical_chat, scored in the turmoil."""
    path = shared_data("topical_chat/test_freq.json")
    sent = list(import_file(path, "topical-chat", pace=Pace(times="now")).producer.messages)
    one = line(redis=valkey_server().address, settings={"worker_batch": "200", "worker_instance": "worker"})
    scoring = scorers(one, scorer_batch="200")
    turmoil = _Turmoil(one, scoring, random.Random(15))
    size = -(-len(sent) // KILLS)
    for number in range(KILLS):
        turmoil.round(sent[number * size : (number + 1) * size], number)
    turmoil.settle()
    return one, scoring


def test_each_answer_has_one_score_of_its_version_whatever_happens(
    scored: tuple[Line, Scorers], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, scoring = scored
    log = one.log()
    found = once(scoring.sent())
    answers = _answers(log)
    assert len(answers) > 5_000
    assert found.keys() == answers.keys()
    active = scoring.activations()
    expected = {place: active.at(arrived_ms) for place, arrived_ms in answers.items()}
    assert {place: score.version for place, score in found.items()} == {
        place: activation.version for place, activation in expected.items() if activation
    }
    assert min(Counter(score.version for score in found.values()).values()) > 500, "all three had their time"
    counted = one.check_exact()
    _check_slots(counted, found)
    _check_figures(log, counted, one.partitions, found)
    out = tmp_path / "out"
    sinks(one).once(rotate_minutes="15")
    report = audit(one.connection, WorkerSettings(), str(out))
    assert report.balanced, text(report)
    assert report.pending == []
    _check_rows(out, found)
    _check_batch_run(scoring, out, found, tmp_path)


def _answers(log: list[KafkaRecord]) -> dict[Place, int]:
    """Each complete answer in the log -> the broker's time of its record."""
    decoder = Decoder("conversation_event")
    found: dict[Place, int] = {}
    for record in log:
        event = decoder.decode(record.value or b"")
        name, body = event["body"]
        if name == ADD_MESSAGE and body["role"] == "assistant" and body["status"] == "complete":
            found.setdefault((event["conversation_id"], body["message_id"]), record.timestamp)
    return found


def _check_slots(counted: Recount, found: dict[Place, SentScore]) -> None:
    """The state has each answer's score once, and no other score."""
    slots: Counter[tuple[str, str, str]] = Counter()
    for states in counted.states.values():
        for key, state in states.items():
            for slot in state.feedback.values():
                rater = slot["feedback"]["rater"]
                if rater["kind"] == "model":
                    slots[key.partition("/")[2], slot["message_id"], rater["version"]] += 1
    assert slots == Counter((*place, score.version) for place, score in found.items())


def _check_figures(
    log: list[KafkaRecord], counted: Recount, partitions: int, scores: dict[Place, SentScore]
) -> None:
    """Coverage, satisfaction and everything else that people say are what they are without the scorer."""
    decoder = Decoder("conversation_event")
    people = [record for record in log if decoder.decode(record.value or b"")["source"] != "scorer"]
    assert len(people) < len(log)
    expected = _figures(recount(people, Rules(partitions=partitions)))
    assert {name for name, *_ in expected} >= {"coverage", "satisfaction"}
    found = _figures(counted)
    # It counts what anybody says, models included; every other figure of before is what it was.
    numbers = ("feedback_number", "", "", "import||||import")
    more = found.pop(numbers).count - expected.pop(numbers).count
    assert more == len(scores)
    assert {which: value for which, value in found.items() if which in expected} == expected


def _figures(counted: Recount) -> dict[tuple[str, ...], Any]:
    buckets = [
        cells for found in counted.buckets.values() for name, cells in found.items() if name[:3] == "10m"
    ]
    return {
        (figure.name, figure.rater_kind or "", figure.scale or "", series): figure.estimate
        for series, cells in summed(buckets).items()
        for figure in figures(cells)
    }


def _check_rows(out: Path, found: dict[Place, SentScore]) -> None:
    """The rows have each score, in a conversation or in an amendment to it, and no other."""
    said = [
        (row["conversation_id"], feedback)
        for row in rows(out, "conversations")
        for feedback in row["feedback"]
    ] + [(row["conversation_id"], row["feedback"]) for row in rows(out, "amendments")]
    by_models = {
        (conversation, one["message_id"], one["event_id"], one["rater"]["version"])
        for conversation, one in said
        if one["rater"]["kind"] == "model"
    }
    assert by_models == {(*place, score.event_id, score.version) for place, score in found.items()}


def _check_batch_run(scoring: Scorers, out: Path, found: dict[Place, SentScore], folder: Path) -> None:
    """A batch run of each version's folder over the rows gives the scores that the stream has."""
    for version in WEIGHTS:
        file = folder / f"batch-{version}.parquet"
        model = str(scoring.folder_of(version))
        assert main(["models", "score", "--model", model, "--root", str(out), "--output", str(file)]) == 0
        batch = {
            (row["conversation_id"], row["message_id"]): row["score"]
            for row in pq.ParquetFile(file).read().to_pylist()
        }
        assert batch.keys() == found.keys()
        mine = {place: score.number for place, score in found.items() if score.version == version}
        assert mine == pytest.approx({place: batch[place] for place in mine}, abs=1e-3)
