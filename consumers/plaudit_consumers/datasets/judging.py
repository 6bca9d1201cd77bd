"""Makes the training rows of all chosen conversations: units, one verdict on each judged thing, rows.

Everything is on disk but one batch, and all votes on one thing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_schemas.contract.aspects import Aspects

from plaudit_consumers.datasets.counting import CountedVotes
from plaudit_consumers.datasets.writing import row_groups
from plaudit_consumers.rows.resolve import Verdict, counted_votes, resolve_answer, resolve_pair
from plaudit_consumers.rows.schemas import CONVERSATIONS, SCHEMAS, TEXT, Subset, list_of, struct
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.training import TrainingRow, training_table
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.unit_schema import UNITS
from plaudit_consumers.rows.units import derive_units
from plaudit_consumers.rows.votes import RaterKey, Vote, read_votes

RATERS_LISTED: Final = 100
"""A row names that many of its raters at most; `votes` counts all."""
_DERIVED_AT_ONCE: Final = 512
"""Conversations in one batch, to bound the memory."""
_WRITTEN_AT_ONCE: Final = 10_000
"""Verdicts in one batch."""
_RATER: Final = struct(application=TEXT, kind=TEXT, id=TEXT, version=TEXT, conversation=TEXT)
_VERDICT: Final = struct(
    origin=TEXT, aspect=TEXT, raters=list_of(_RATER), votes=pa.int64(), agreement=pa.float64(),
    vote_weight=pa.float64(), vote_strength=pa.float64(), near_tie=pa.bool_(), label=pa.bool_(), chosen=TEXT,
)  # fmt: skip
_VERDICTS: Final = pa.schema(
    struct(
        subset=TEXT, kind=TEXT, key=TEXT, reason=TEXT, superseded=pa.int64(), verdict=_VERDICT,
    )
)  # fmt: skip
"""One verdict on a judged thing for a subset, or the reason why there is none."""
_SHOWN: Final = pa.schema(
    [
        *UNITS,
        pa.field("verdict", _VERDICT),
        pa.field("users", pa.int64()),
        pa.field("conversations", pa.int64()),
    ]
)
"""What `shown.sql` gives."""
_THING: Final = itemgetter("kind", "key")
_KEYS: Final = [pa.field("_kind", TEXT), pa.field("_key", TEXT)]


def write_units(batches: Iterable[Any], rules: RowRules, aspects: Aspects, path: Path) -> UnitCounts:
    """Write the units of canonical rows, which come in record batches in any order."""
    counts = UnitCounts()
    with pq.ParquetWriter(path, UNITS) as writer:
        for conversations in _small_tables(batches, CONVERSATIONS):
            for units in derive_units(conversations, rules, aspects, counts):
                writer.write_table(units)
    return counts


def write_counted(batches: Iterable[Any], counted: CountedVotes) -> None:
    """Write the votes that count, of all that `votes.sql` gives."""
    for (kind, key), lines in groupby(_lines(batches), key=_THING):
        votes = read_votes(line["vote"] for line in lines if line["vote"] is not None)
        counted.add(kind, key, counted_votes(votes, kind))


def write_verdicts(
    batches: Iterable[Any], rules: RowRules, path: Path, counted: CountedVotes | None = None
) -> None:
    """Write the verdicts on all judged things, of which `votes.sql` gives the votes.

    Args:
        counted: also gets the votes that count, if it is given.
    """
    waiting: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, _VERDICTS) as writer:

        def write() -> None:
            writer.write_table(pa.Table.from_pylist(waiting, schema=_VERDICTS))
            waiting.clear()

        for (kind, key), group in groupby(_lines(batches), key=_THING):
            lines = list(group)
            votes = read_votes(line["vote"] for line in lines if line["vote"] is not None)
            if counted is not None:
                counted.add(kind, key, counted_votes(votes, kind))
            waiting += _verdict_rows(lines, votes, rules)
            if len(waiting) >= _WRITTEN_AT_ONCE:
                write()
        write()


def write_rows(batches: Iterable[Any], subset: Subset, path: Path) -> None:
    """Write the training rows of a subset, with the kind and the key of what was judged.

    Args:
        batches: as `shown.sql` gives them, in any order.
    """
    schema = SCHEMAS[subset]
    with pq.ParquetWriter(path, pa.schema([*schema, *_KEYS])) as writer:
        for shown in _small_tables(batches, _SHOWN):
            rows = [_training_row(*each) for each in zip(*_columns(shown), strict=True)]
            table = training_table(subset, shown.select(UNITS.names), rows)
            for field in _KEYS:
                table = table.append_column(field, shown[field.name.removeprefix("_")])
            writer.write_table(table)


def _small_tables(batches: Iterable[Any], schema: Any) -> Iterator[Any]:
    for table in row_groups(batches, schema):
        for start in range(0, table.num_rows, _DERIVED_AT_ONCE):
            yield table.slice(start, _DERIVED_AT_ONCE)


def _lines(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _verdict_rows(
    lines: Sequence[dict[str, Any]], votes: Sequence[Vote], rules: RowRules
) -> Iterator[dict[str, Any]]:
    """The verdicts on one thing, for each subset that it may be in."""
    posteriors = {each["aspect"]: each["posterior"] for each in lines[0]["posteriors"] or ()}
    shared = {"kind": lines[0]["kind"], "key": lines[0]["key"]}
    tools = "_tools" if lines[0]["has_tools"] else ""
    if shared["kind"] == "pair":
        pair = resolve_pair(votes, rules, posteriors)
        found, superseded = {"preference": pair.preference}, pair.superseded
    else:
        answer = resolve_answer(
            votes,
            rules,
            corrected=any(line["corrected"] for line in lines),
            demonstration=any(line["demonstration"] for line in lines),
            empty=any(line["empty"] for line in lines),
            posteriors=posteriors,
        )
        found, superseded = {"sft": answer.sft, "kto": answer.kto}, answer.superseded
    for subset, verdict in found.items():
        row = {**shared, "subset": subset + tools, "superseded": superseded}
        if isinstance(verdict, Verdict):
            raters = [rater._asdict() for rater in verdict.raters[:RATERS_LISTED]]
            yield {**row, "verdict": {**verdict._asdict(), "raters": raters}}
        else:
            yield {**row, "reason": verdict}


def _columns(shown: Any) -> list[list[Any]]:
    return [shown[name].to_pylist() for name in ("verdict", "users", "conversations")]


def _training_row(verdict: dict[str, Any], users: int, conversations: int) -> TrainingRow:
    raters = tuple(RaterKey(**rater) for rater in verdict["raters"])
    return TrainingRow(Verdict(**{**verdict, "raters": raters}), users, conversations)
