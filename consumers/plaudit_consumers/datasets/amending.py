"""Merges amendments into the chosen rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.datasets.revisions import RevisionSelection
from plaudit_consumers.rows.late_words import Fate, LateWord, LateWords, merge_late_words
from plaudit_consumers.rows.schemas import AMENDMENTS, CONVERSATIONS, TEXT, list_of, struct
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
        path: their file; None if no conversation changes.
        fates: how many amendments were merged, or why they were not.
    """

    path: str | None
    fates: Counter[Fate]


def amend_rows(revisions: RevisionSelection, touched: Mapping[str, int], path: Path) -> AmendedRows:
    """Write the rows of the conversations that amendments change.

    Args:
        touched: canonical file -> the number of amendments to its rows.

    Raises:
        SourceFileError: a file cannot be read.
        DatasetError: memory or disk space did not suffice.
    """
    fates: Counter[Fate] = Counter()
    if not touched:
        return AmendedRows(None, fates)
    with pq.ParquetWriter(path, CONVERSATIONS) as writer:
        for some in _chunks(touched, touched):
            for batch in revisions.touched_rows(some):
                for table in _pieces(batch):
                    writer.write_table(_merged(table, fates))
    return AmendedRows(str(path), fates)


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


def _merged(table: Any, fates: Counter[Fate]) -> Any:
    late = [_late_words(row) for row in table.select(_TOUCHED.names[-3:]).to_pylist()]
    conversations, found = merge_late_words(table.select(CONVERSATIONS.names), late)
    fates.update(found)
    return conversations


def _late_words(row: dict[str, Any]) -> LateWords:
    words = [LateWord(each["amendment"], each["after"]) for each in row["late_words"] or ()]
    return LateWords(words, row["excluded_ids"], row["latest_finished_at"])


def _pieces(batch: Any) -> Iterator[Any]:
    for start in range(0, batch.num_rows, _AT_ONCE):
        # DuckDB's Arrow types differ in details, such as large strings.
        yield with_readable_times(pa.Table.from_batches([batch.slice(start, _AT_ONCE)]).cast(_TOUCHED))
