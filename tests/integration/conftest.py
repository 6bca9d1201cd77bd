"""A line of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.line import Line


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
