"""The loop: import, rows, snapshot, training, publication, swap, scores, rows of the next snapshot."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plaudit_producers.destinations import open_event_file
from plaudit_producers.simulator import Scenario, run_scenario
from plaudit_stream_processors.state.keys import partition_keys

from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.line import Line
from tests.support.scorers import MODEL, Scorers, SentScore, once
from tests.support.sinks import Sinks
from tests.support.snapshot_reader import read_subset
from tests.support.tiny_encoder import write_encoder

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]

CHATS = 450
Score = tuple[str, str, str, float]


class _Loop:
    """One line, and the files of its loop."""

    def __init__(self, line: Line, sinks: Sinks, scorers: Scorers, folder: Path) -> None:
        self.line, self._sinks, self._scorers, self._folder = line, sinks, scorers, folder

    def run(self, *words: object, code: int = 0) -> str:
        """Run a command on the line's servers. Returns what it prints."""
        found, printed = run_command(self.line, *map(str, words))
        assert found == code, printed
        return printed

    def send_chats(self, seed: int) -> None:
        """Import a file of chats with votes, and wait until all that follows from them is on disk."""
        file = self._folder / f"chats-{seed}.jsonl"
        with open_event_file(str(file)) as destination:
            run_scenario(Scenario(conversations=CHATS, feedback=0.9, seed=seed), destination, wait=False)
        self.run("replay", file, "--format", "plaudit-jsonl")
        self.line.wait_folded()
        if self._scorers.running:
            self._scorers.wait_scored()
            self.line.wait_folded()
        # A vote after the end opens a conversation again, and its next row comes with its next end.
        eventually(lambda: self._open() == 0, "every conversation has ended")
        self._sinks.once()

    def _open(self) -> int:
        prefix = self.line.connection.redis_prefix
        with self.line._client() as client:
            keys = [partition_keys(prefix, partition).open for partition in range(self.line.partitions)]
            return sum(client.zcard(key) for key in keys)

    def build(self, name: str, *options: str) -> Path:
        """Build a snapshot of everything on disk."""
        snapshot = self._folder / name
        words = ("--subset", "kto", "--subset", "conversations", "--split", "60/15/25", *options)
        self.run("datasets", "build", "--root", self._sinks.output, "--output", snapshot, *words)
        return snapshot

    def train(self, snapshot: Path, version: str, encoder: Path) -> Path:
        """Train a version on a snapshot, and publish it. Returns once it is active."""
        folder = self._folder / f"scorer-{version}"
        names = ("--name", MODEL, "--version", version)
        words = ("--snapshot", snapshot, "--subset", "kto", "--encoder", encoder, "--output", folder, *names)
        self.run("train", "scorer", *words)
        self.run("models", "publish", folder, "--delay-s", "5")
        newest = self._scorers.activations().newest
        assert newest is not None
        assert newest.version == version
        eventually(lambda: time.time() * 1000 > newest.active_from_ms, "it is active")
        return folder


@pytest.fixture
def loop(line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path) -> Iterator[_Loop]:
    one = line(settings={"idle_timeout_s": "3", "sweep_interval_s": "1"})
    scorers = Scorers(one)
    yield _Loop(one, sinks(one, rotate_minutes="15"), scorers, tmp_path)
    scorers.stop()


def _words(snapshot: Path) -> set[str]:
    text = json.dumps([row["completion"] for row in read_subset(snapshot, "kto")], ensure_ascii=False)
    return set(re.findall(r"\w+|[^\w\s]+", text.lower()))


def _by_models(snapshot: Path) -> list[tuple[str, str, str, float]]:
    """Every score by the trained scorer in the conversations of a snapshot."""
    return [
        (row["conversation_id"], one["message_id"], one["rater"]["version"], one["number"])
        for path in snapshot.glob("conversations/*.parquet")
        for row in pq.ParquetFile(path).read(["conversation_id", "feedback"]).to_pylist()
        for one in row["feedback"]
        if one["rater"]["kind"] == "model" and one["rater"]["id"] == MODEL
    ]


def _as_rows(sent: list[SentScore]) -> list[Score]:
    return [(one.conversation_id, one.message_id, one.version, one.number) for one in once(sent).values()]


def test_scores_of_trained_models_come_back_as_feedback_and_never_as_labels(loop: _Loop) -> None:
    scorers = loop._scorers
    loop.line.start_worker()
    loop.send_chats(1)
    first = loop.build("first")
    write_encoder(loop._folder / "encoder", _words(first))
    loop.train(first, "1", loop._folder / "encoder")
    scorers.start()

    loop.send_chats(2)
    by_first = once(scorers.sent())
    assert {score.version for score in by_first.values()} == {"1"}
    assert len(by_first) > CHATS
    second = loop.build("second")
    assert sorted(_by_models(second)) == sorted(_as_rows(scorers.sent()))

    loop.train(second, "2", loop._folder / "encoder")  # a swap: the scorer goes on
    loop.send_chats(3)
    scores = once(scorers.sent())
    assert {place: score for place, score in scores.items() if place in by_first} == by_first
    assert {score.version for place, score in scores.items() if place not in by_first} == {"2"}
    third = loop.build("third")
    assert sorted(_by_models(third)) == sorted(_as_rows(scorers.sent()))
    _check_labels(loop, third)


def _check_labels(loop: _Loop, snapshot: Path) -> None:
    """No label is a model's, unless that is asked for."""
    rows = read_subset(snapshot, "kto")
    assert len(rows) > CHATS
    assert {rater["kind"] for row in rows for rater in row["raters"]} <= {"user", "reviewer"}
    asked = read_subset(loop.build("asked", "--raters", "user,reviewer,model"), "kto")
    assert "model" in {rater["kind"] for row in asked for rater in row["raters"]}
    assert len(asked) > len(rows)
