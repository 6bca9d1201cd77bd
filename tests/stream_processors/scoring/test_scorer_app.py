"""What the scorer says of itself, and where it goes on."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from faust.types import TP
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.scoring.app import Scorer
from plaudit_stream_processors.scoring.committed import CommittedOffsets

PLACE = TP("events", 0)


@pytest.mark.parametrize(
    ("waits_since", "behind", "expected"),
    [(None, {}, None), (5.0, {}, 20.0), (30.0, {}, 30.0), (5.0, {0: "folded up to 1"}, None)],
    ids=["nothing waits", "a slow model", "nothing scored since", "the worker is behind"],
)
def test_a_slow_model_and_a_worker_that_is_behind_are_no_hang(
    waits_since: float | None, behind: dict[int, str], expected: float | None
) -> None:
    scorer: Any = object.__new__(Scorer)
    scorer.app = SimpleNamespace(consumer=SimpleNamespace(waits_since=lambda: waits_since))
    scorer.pipeline, scorer.inference = SimpleNamespace(behind=behind), SimpleNamespace(ended_at=20.0)
    assert scorer.waits_since() == expected


def test_a_version_that_is_being_loaded_is_waited_for() -> None:
    scorer: Any = object.__new__(Scorer)
    scorer.readiness, scorer.output = SimpleNamespace(waiting_for=None), SimpleNamespace(away=None)
    scorer.pipeline, scorer.versions = SimpleNamespace(behind={}), SimpleNamespace(is_loading=True)
    assert scorer.waits_for() == "a version is being loaded"
    scorer.versions.is_loading = False
    assert scorer.waits_for() is None


def test_publications_that_cannot_be_used_or_read_are_told() -> None:
    scorer: Any = object.__new__(Scorer)
    scorer.versions = SimpleNamespace(unusable={"2": "its files are gone"})
    scorer.follower = SimpleNamespace(name="polite", unreadable=[("polite/01", "upgrade it")])
    scorer.pipeline = SimpleNamespace(behind={0: "it is behind"})
    assert scorer.degraded() == "version 2 of polite cannot be used: its files are gone"
    scorer.versions.unusable = {}
    assert "polite/01 cannot be read" in scorer.degraded()
    assert len(scorer.unusable) == 1
    scorer.follower.unreadable = []
    assert scorer.degraded() == "it is behind"


class Asked:
    """A client that returns the same places each time."""

    def __init__(self, *places: Any) -> None:
        self._places = list(places)

    def committed(self, _places: Any, timeout: float) -> list[Any]:
        return self._places

    def close(self) -> None:
        pass


@pytest.fixture
def offsets(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("plaudit_schemas.kafka.groups._PATIENCE_S", 0.0)
    monkeypatch.setattr("plaudit_schemas.kafka.groups._PAUSE_S", 0.0)
    made: Any = CommittedOffsets(load(ConnectionSettings, environ={}), "scorers", "T1")
    made.close()
    return made


@pytest.mark.parametrize(
    ("offset", "metadata", "expected"),
    [(41, "T1;", 41), (41, "T1;zz", 41), (41, "", 41), (41, "T0;", None), (-1001, "", None)],
    ids=["ours", "ours, with memory behind it", "of a tool without a note", "of an earlier topic", "none"],
)
def test_offsets_of_this_topic_count(offsets: Any, offset: int, metadata: str, expected: int | None) -> None:
    offsets._consumer = Asked(TopicPartition("events", 0, offset, metadata))
    assert offsets.read([PLACE]) == {PLACE: expected}


def test_an_offset_that_kafka_does_not_tell_is_not_taken_for_none(offsets: Any) -> None:
    error = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
    offsets._consumer = Asked(
        SimpleNamespace(topic="events", partition=0, offset=-1001, metadata="", error=error)
    )
    with pytest.raises(ServiceUnavailableError, match="return the scorer's offsets"):
        offsets.read([PLACE])
