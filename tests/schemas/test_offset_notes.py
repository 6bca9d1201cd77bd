"""Notes beside committed offsets, read by a client that may read past their end."""

from types import SimpleNamespace
from typing import Any

import pytest
from plaudit_schemas.kafka.offset_notes import ended, note_of


class _ReadPastItsEnd:
    """A place of confluent-kafka whose note is followed by bytes that are no text."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @property
    def metadata(self) -> str:
        return self._raw.decode()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (SimpleNamespace(metadata=ended("KqSv_-1")), "KqSv_-1"),
        (SimpleNamespace(metadata=ended("KqSv_-1") + "zz9"), "KqSv_-1"),
        (_ReadPastItsEnd(ended("KqSv_-1").encode() + b"\xff\x01"), "KqSv_-1"),
        (SimpleNamespace(metadata="KqSv_-1"), "KqSv_-1"),
        (SimpleNamespace(metadata=ended("")), ""),
        (SimpleNamespace(metadata=None), ""),
    ],
    ids=["as it was committed", "text behind it", "no text behind it", "without an end", "empty", "none"],
)
def test_a_note_ends_where_it_ends(place: Any, expected: str) -> None:
    assert note_of(place) == expected
