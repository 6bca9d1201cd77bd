"""Times that no reader can hold: an old log has them, and neither rows nor readers break."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset  # type: ignore[import-untyped]  # it has no types
from plaudit_consumers.rows.canonical import canonical_table
from plaudit_consumers.rows.schemas import CONVERSATIONS, TIME
from plaudit_consumers.rows.times import with_readable_times
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.times import EARLIEST_MICROS, LATEST_MICROS, moment

from tests.consumers.builders import READER, Rows, kafka_records
from tests.support.finished import T0_MS, chat, comparison, encoded, finished, like, message

Read = Callable[[Path], list[Any]]
ODD = {
    "the year 0": EARLIEST_MICROS - 1,
    "the year 10000": LATEST_MICROS + 1,
    "the first long": -(2**63),
    "the last long": 2**63 - 1,
}
READERS: dict[str, Read] = {
    "pyarrow": lambda path: pq.read_table(path).to_pylist(),
    "pandas": lambda path: pd.read_parquet(path).to_dict("records"),
    "polars": lambda path: pl.read_parquet(path).to_dicts(),
    "duckdb": lambda path: duckdb.read_parquet(str(path)).fetchall(),
    "datasets": lambda path: Dataset.from_parquet(str(path), cache_dir=str(path.parent)).to_list(),
}


def odd_chat(at: int) -> dict[str, Any]:
    """A judged chat, each time of which is `at`. Only the broker's time of arrival is right."""
    return chat(
        {**like("a"), "occurred_at": at},
        comparisons=[comparison([["a"], ["q"]], occurred_at=at)],
        started_at=at,
        ended_at=at,
        messages=[
            message("q", "user", occurred_at=at, parent_id=""),
            message("a", occurred_at=at, parent_id="q"),
        ],
    )


def payloads(at: int) -> list[bytes]:
    return [encoded(chat(like("a"), offset=1)), encoded(odd_chat(at)), encoded(chat(offset=9))]


@pytest.mark.parametrize("at", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("reader", list(READERS))
def test_every_reader_reads_a_file_with_such_a_conversation(tmp_path: Path, reader: str, at: int) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(READER.read_table(kafka_records(payloads(at))), path)
    assert len(READERS[reader](path)) == 3


@pytest.mark.parametrize("at", ODD.values(), ids=list(ODD))
def test_such_a_time_is_null_and_all_else_stays(at: int) -> None:
    records = kafka_records(payloads(at))
    table = READER.read_table(records)
    decoder = Decoder("finished_conversation", sparse=True)
    assert table.equals(canonical_table([(each, decoder.decode(each.value or b"")) for each in records]))
    before, odd, after = table.to_pylist()
    expected = READER.read_table(kafka_records([encoded(odd_chat(T0_MS * 1000))])).to_pylist()[0]
    expected |= {"started_at": None, "ended_at": None, "record_offset": odd["record_offset"]}
    for holder in (*expected["messages"], *expected["feedback"], *expected["comparisons"]):
        holder["occurred_at"] = None
    assert odd == expected
    assert odd["finished_at"] == moment(T0_MS * 1000 + 7)
    assert None not in (before["started_at"], before["messages"][0]["occurred_at"], after["ended_at"])


@pytest.mark.parametrize("at", [EARLIEST_MICROS, LATEST_MICROS], ids=["the first time", "the last time"])
def test_the_ends_of_the_calendar_stay(at: int) -> None:
    (row,) = READER.read_table(kafka_records([encoded(odd_chat(at))])).to_pylist()
    assert row["started_at"] == row["messages"][0]["occurred_at"] == moment(at)


def test_training_rows_come_of_it_as_of_any_other() -> None:
    odd = [comparison([["a2"], ["a1"]], occurred_at=-(2**63)), comparison([["a1"], ["a2"]])]
    record = finished(
        message("q", "user"), message("a1", parent_id="q"), message("a2", parent_id="q"), comparisons=odd
    )
    (row,) = Rows(record).by_subset["preference"]
    # The one with a time is the later one, in any order.
    assert row["chosen"][0]["content"] == "text of a1"


def _raw(at: int | None) -> Any:
    """Lists of structs with a time, as a sink of before wrote them: with a null list, and two chunks."""
    kind = pa.list_(pa.struct([pa.field("at", TIME), pa.field("n", pa.int64())]))
    lists = [[{"at": 1, "n": 1}, {"at": at, "n": 2}], None, [], [{"at": 2, "n": 3}, None]]
    column = pa.chunked_array([pa.array(lists, kind), pa.array(lists[:1], kind)])
    return pa.table({"lists": column, "plain": pa.array([0, at, None, 3, 4], TIME)})


@pytest.mark.parametrize("start", range(5), ids="from row {}".format)
def test_a_table_of_before_becomes_readable_at_any_depth_and_in_any_slice(start: int) -> None:
    assert with_readable_times(_raw(-(2**63)).slice(start)).equals(_raw(None).slice(start))


def test_a_readable_table_is_not_copied() -> None:
    table = _raw(5)
    assert with_readable_times(table) is table
    assert with_readable_times(CONVERSATIONS.empty_table()).num_rows == 0
    assert np.array_equal(table["plain"].to_pandas().isna(), [False, False, True, False, False])
