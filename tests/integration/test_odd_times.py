"""A log of before Plaudit checked times: rows, snapshots, audit and `plaudit conversation` go on."""

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.rows import canonical_reader
from plaudit_infra.main import main
from plaudit_producers import FeedbackProducer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.commands import OK
from plaudit_stream_processors.state.keys import partition_keys

from tests.consumers.builders import kafka_records
from tests.consumers.test_odd_times import odd_chat
from tests.support.finished import chat, encoded, like
from tests.support.line import Line
from tests.support.sinks import Sinks, rows, send, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]


@pytest.mark.parametrize("at", [-(2**62), 2**62], ids=["before the year 1", "after the year 9999"])
def test_one_such_record_makes_no_file_and_no_snapshot_unreadable(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path, at: int
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    odd = {**odd_chat(at), "source_offset": 5, "conversation_id": "odd"}
    records = [*(chat(like("a"), offset=offset) for offset in range(5)), odd, chat(like("a"), offset=6)]
    send(one.connection, ((0, encoded(record)) for record in records))
    sinks(one).once()
    assert sources(out) == {(0, offset): 1 for offset in range(7)}
    (row,) = [row for row in rows(out, "conversations") if row["conversation_id"] == "odd"]
    assert row["started_at"] is row["messages"][1]["occurred_at"] is row["feedback"][0]["occurred_at"] is None
    assert [message["content"] for message in row["messages"]] == ["text of q", "text of a"]
    (path,) = out.glob("v1/conversations/*/*.parquet")
    assert len(pd.read_parquet(path)) == 7
    built = tmp_path / "snapshot"
    assert main(["datasets", "build", "--root", str(out), "--output", str(built)]) == OK
    assert sum(len(pd.read_parquet(file)) for file in built.glob("conversations/*.parquet")) == 7
    assert sum(len(pd.read_parquet(file)) for file in built.glob("kto/*.parquet")) > 0


def test_a_file_that_an_older_sink_wrote_gives_a_snapshot_that_all_can_read(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out, built = line(partitions=1), tmp_path / "out", tmp_path / "snapshot"
    send(one.connection, [(0, encoded(odd_chat(-(2**62))))])
    sinks(one).once()
    (path,) = out.glob("v1/conversations/*/*.parquet")
    _write_as_before(path)
    with pytest.raises((ValueError, OverflowError)):
        pd.read_parquet(path)
    assert main(["datasets", "build", "--root", str(out), "--output", str(built)]) == OK
    for subset in ("conversations", "kto"):
        (file,) = built.glob(f"{subset}/*.parquet")
        assert len(pd.read_parquet(file)) == 1
    assert main(["datasets", "show", str(built)]) == OK


def _write_as_before(path: Path) -> None:
    """Write a file's rows again, with their times as they are in the log."""
    metadata = pq.read_metadata(path).metadata
    patch = pytest.MonkeyPatch()
    patch.setattr(canonical_reader, "with_readable_times", lambda table: table)
    reader = canonical_reader.CanonicalReader(Decoder("finished_conversation"))
    old = pq.read_table(path)
    table = reader.read_table(kafka_records([encoded(odd_chat(-(2**62)))]))
    patch.undo()
    for name in ("recorded_at", "record_offset"):
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), old[name])
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.add_key_value_metadata({"plaudit": metadata[b"plaudit"].decode()})
        writer.write_table(table)


def test_a_conversation_with_such_a_time_is_shown(
    line: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = line(partitions=1)
    with FeedbackProducer("shop", connection=one.connection) as producer:
        producer.start_conversation("c").add_message("user", "Hello")
        assert producer.flush(60) == 0
    one.start_worker()
    one.wait_folded()
    one.stop_workers()
    key = partition_keys(one.connection.redis_prefix, 0).conversation + "shop/c"
    with one._client() as client:  # as a worker of before left it
        kept = orjson.loads(client.hget(key, "conversation"))
        client.hset(key, "conversation", orjson.dumps({**kept, "started_at": -(2**62)}))
    for name, value in (
        ("REDIS_URL", one.redis),
        ("TOPIC_PREFIX", one.connection.topic_prefix),
        ("REDIS_PREFIX", one.connection.redis_prefix),
    ):
        monkeypatch.setenv("PLAUDIT_" + name, value)
    assert main(["conversation", "shop/c"]) == OK
    assert f"started {-(2**62)} microseconds after 1970, outside" in capsys.readouterr().out
    assert main(["conversation", "shop/c", "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["started_at"] == -(2**62)
