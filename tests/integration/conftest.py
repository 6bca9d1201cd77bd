"""A line of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.event_log import PARTITIONS
from tests.support.line import Line
from tests.support.review import ReviewLine, review_line
from tests.support.sinks import Sinks


@pytest.fixture
def line(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Makes lines on the shared servers, or on servers that the test gives."""
    made: list[Line] = []

    def make(**options: Any) -> Line:
        folder = tmp_path / f"line{len(made)}"
        folder.mkdir()
        made.append(Line(**{"kafka": kafka, "redis": valkey, "folder": folder, **options}))
        return made[-1]

    yield make
    for one in made:
        one.stop_workers()


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[Callable[..., Sinks]]:
    made: list[Sinks] = []

    def make(line: Line, output: str = "", **settings: str) -> Sinks:
        folder = line.folder if not made else line.folder / f"sinks{len(made)}"
        folder.mkdir(exist_ok=True)
        made.append(Sinks(line.connection, folder, output or str(tmp_path / "out"), settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def real_review(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewLine]:
    """A review of real conversations that a file's tests share. Each test publishes a rubric of its own."""
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path_factory.mktemp("review"), partitions=PARTITIONS)
    with review_line(line) as made:
        made.start()
        made.replay("hh-rlhf", limit=12)
        made.replay("topical-chat", limit=2)
        yield made
