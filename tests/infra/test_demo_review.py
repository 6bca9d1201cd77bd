"""The review of the demo: its rubric, its salt, and what the view says."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_infra.demo.line import APPLICATION, FINITE, DemoLine
from plaudit_infra.demo.review import RUBRIC, DemoReview, queue_figures
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric_file import read_rubric
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import ensure

METRICS = """
plaudit_review_queue_items{application="demo",rubric="answer-quality",version="1"} 1234.0
plaudit_review_queue_done_items{application="demo",rubric="answer-quality",version="1"} 5.0
"""


def test_the_rubric_is_for_the_demos_chats() -> None:
    assert read_rubric(RUBRIC).application == APPLICATION


def test_the_salt_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    line = DemoLine(tmp_path / "demo", FINITE)
    salt = line.review_environ
    assert DemoLine(tmp_path / "demo", FINITE).review_environ == salt
    assert len(salt["PLAUDIT_REVIEW_SALT"]) == 32
    assert line.salt.stat().st_mode & 0o077 == 0


@pytest.mark.kafka
def test_the_rubric_is_published_and_its_queue_is_kept(kafka: str, tmp_path: Path) -> None:
    prefix = f"demo{tmp_path.name[-8:]}."
    connection = ConnectionSettings(bootstrap_servers=kafka, topic_prefix=prefix, partitions=1)
    ensure(connection)
    line: Any = DemoLine(tmp_path, FINITE)
    started: list[Sequence[str]] = []
    service = SimpleNamespace(read=lambda _path: METRICS)

    def add_service(words: Sequence[str]) -> Any:
        started.append(words)
        return service

    line.add_service = add_service
    line.supervisor = SimpleNamespace(is_ready=lambda _name: True, add_note=lambda _text: None)
    shown = DemoReview(line, connection)
    assert shown.lines() == ["review     not started yet"]
    shown.start()
    assert started[0][0] == "review-queue"
    with RubricRegistry(connection) as registry:
        assert list(registry.book().active) == [("demo", "answer-quality")]
    assert shown.lines() == [
        "review     1,234 answers in the queue answer-quality@1, 5 of them done (console: Review)"
    ]
    line.supervisor.is_ready = lambda _name: False
    assert shown.lines() == ["review     not ready yet"]


def test_what_goes_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: Any, **_more: Any) -> None:
        raise ServiceUnavailableError("Kafka does not answer")

    monkeypatch.setattr(RubricRegistry, "publish", fail)
    line = DemoLine(tmp_path, FINITE)
    shown = DemoReview(line, load(ConnectionSettings, environ={}))
    shown.start()
    assert shown.lines() == ["review     none: Kafka does not answer"]


def test_the_figures_of_all_queues_are_added() -> None:
    assert queue_figures(METRICS + METRICS) == {"items": 2468, "done_items": 10}
