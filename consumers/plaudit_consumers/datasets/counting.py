"""Writes the votes that count, for what is computed of all of them: agreement, and how good each rater is."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.rows.schemas import TEXT, struct
from plaudit_consumers.rows.unit_schema import UnitKind
from plaudit_consumers.rows.votes import Vote

COUNTED: Final = pa.schema(
    struct(kind=TEXT, key=TEXT, aspect=TEXT, rater=TEXT, score=pa.float64(), adjudicated=pa.bool_())
)
"""One vote that counts on one thing; `rater` is the JSON text of its `RaterKey`."""
_WRITTEN_AT_ONCE: Final = 50_000


class CountedVotes(AbstractContextManager["CountedVotes"]):
    """A file of COUNTED, which is whole when the context ends."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, COUNTED)
        self._waiting: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()

    def add(self, kind: UnitKind, key: str, votes: Sequence[Vote]) -> None:
        """Add the votes on one thing that count (`resolve.counted_votes`)."""
        self._waiting += [
            (kind, key, vote.aspect, json.dumps(vote.rater), vote.score, vote.adjudicated) for vote in votes
        ]
        if len(self._waiting) >= _WRITTEN_AT_ONCE:
            self._write()

    def _write(self) -> None:
        columns = list(zip(*self._waiting, strict=True)) or [()] * len(COUNTED)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, COUNTED, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=COUNTED))
        self._waiting.clear()
