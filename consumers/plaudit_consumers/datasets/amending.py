"""Merges amendments into the chosen rows, and derives the training rows of those conversations anew."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.datasets.files import RowMaker, SourceFiles
from plaudit_consumers.datasets.selection import RowSelection
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.late_words import Fate, LateWord, LateWords, merge_late_words
from plaudit_consumers.rows.schemas import (
    AMENDMENTS,
    CONVERSATIONS,
    SCHEMAS,
    TEXT,
    TRAINING,
    Subset,
    list_of,
    struct,
)
from plaudit_consumers.rows.times import with_readable_times

_AT_ONCE: Final = 512
"""Conversations in one batch, to bound the memory."""
_WORDS_AT_ONCE: Final = 50_000
"""Amendments in one query, which keeps them in memory; a file may have more."""
_TOUCHED: Final = pa.schema(
    [
        *CONVERSATIONS,
        pa.field("excluded_ids", list_of(TEXT)),
        pa.field("latest_finished_at", pa.int64()),
        pa.field("late_words", list_of(struct(amendment=pa.struct(list(AMENDMENTS)), after=pa.bool_()))),
    ]
)
"""What `touched_rows.sql` gives."""


class AmendedRows(NamedTuple):
    """The rows that replace those of the sink.

    Attributes:
        paths: subset -> its file; empty if no conversation changes.
        fates: how many amendments were merged, or why they were not.
    """

    paths: dict[Subset, str]
    fates: Counter[Fate]


def amend_rows(
    selection: RowSelection,
    touched: Mapping[str, int],
    sources: SourceFiles,
    subsets: tuple[Subset, ...],
    folder: Path,
) -> AmendedRows:
    """Write the rows of the conversations that amendments change.

    Args:
        touched: canonical file -> the number of amendments to its rows.
        subsets: those that are wanted; canonical rows are written in any case.

    Raises:
        SourceFileError: a file cannot be read.
        DatasetError: memory or disk space did not suffice.
    """
    amended = AmendedRows({}, Counter())
    if not touched:
        return amended
    folder.mkdir()
    writers: dict[Subset, Any] = {}
    wanted: list[Subset] = ["conversations", *(subset for subset in subsets if subset in TRAINING)]
    for subset in wanted:
        amended.paths[subset] = str(folder / f"{subset}.parquet")
        writers[subset] = pq.ParquetWriter(amended.paths[subset], SCHEMAS[subset])
    for maker, paths in sources.by_maker(touched).items():
        for some in _chunks(paths, touched):
            for batch in selection.touched_rows(some):
                for table in _pieces(batch):
                    _write_merged(table, maker, writers, amended.fates)
    for writer in writers.values():
        writer.close()
    return amended


def _chunks(paths: Iterable[str], words: Mapping[str, int]) -> Iterator[list[str]]:
    """The files in groups that have about `_WORDS_AT_ONCE` amendments."""
    held: list[str] = []
    count = 0
    for path in paths:
        held.append(path)
        count += words[path]
        if count >= _WORDS_AT_ONCE:
            yield held
            held, count = [], 0
    if held:
        yield held


def _write_merged(table: Any, maker: RowMaker, writers: dict[Subset, Any], fates: Counter[Fate]) -> None:
    late = [_late_words(row) for row in table.select(_TOUCHED.names[-3:]).to_pylist()]
    conversations, found = merge_late_words(table.select(CONVERSATIONS.names), late)
    fates.update(found)
    writers["conversations"].write_table(conversations)
    for subset, rows in derive(conversations, maker.settings, maker.rules):
        if subset in writers:
            writers[subset].write_table(rows)


def _late_words(row: dict[str, Any]) -> LateWords:
    words = [LateWord(each["amendment"], each["after"]) for each in row["late_words"] or ()]
    return LateWords(words, row["excluded_ids"], row["latest_finished_at"])


def _pieces(batch: Any) -> Iterator[Any]:
    for start in range(0, batch.num_rows, _AT_ONCE):
        # DuckDB's Arrow types differ in details, such as large strings.
        yield with_readable_times(pa.Table.from_batches([batch.slice(start, _AT_ONCE)]).cast(_TOUCHED))
