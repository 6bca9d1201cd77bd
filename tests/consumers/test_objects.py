"""The sink on an object store: S3's own protocol, served by moto."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pyarrow.parquet as pq
import pytest
from plaudit_consumers.sink.errors import OutputError, OutputUnavailableError, SinkFencedError
from plaudit_consumers.sink.loop.run import open_output
from plaudit_consumers.sink.outputs.objects import ObjectOutput
from plaudit_consumers.sink.outputs.output import OutputRoot, VersionConflict
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from tests.support.object_store import empty_bucket, object_store
from tests.support.offline_sink import feed, log, mixed_log, sink, take_records


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with object_store() as address:
        yield address


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    return empty_bucket(endpoint, monkeypatch)


def rows(output: OutputRoot, subset: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in output.paths(f"v1/{subset}"):
        found += pq.ParquetFile(output.open_file(path)).read().to_pylist()
    return found


def offsets(output: OutputRoot, subset: str = "conversations") -> list[int]:
    return [row["source_offset"] for row in rows(output, subset)]


def test_the_sink_writes_to_s3_and_goes_on_after_a_stop(bucket: str, tmp_path: Path) -> None:
    for end in (25, 31):
        output = ObjectOutput(bucket, str(tmp_path))
        feed(sink(output), mixed_log(end))
        output.close()
    assert sorted(offsets(output) + offsets(output, "amendments")) == list(range(31))
    loaded = output.load("README.md")
    assert loaded is not None
    assert b"config_name: amendments" in loaded[0]
    assert list((tmp_path / "plaudit-sink").iterdir()) == []


def test_a_lost_marker_is_read_back_beside_files_of_a_sink_of_before(bucket: str) -> None:
    output = ObjectOutput(bucket)
    feed(sink(output), log(10))
    for path in output.paths(".plaudit/markers"):
        obstore.delete(output._store, path)
    obstore.put(output._store, "v1/sft/notes.txt", b"of a sink of before")
    feed(sink(output), log(20))
    assert offsets(output) == list(range(20))


def test_of_two_sinks_on_one_partition_one_goes_on(bucket: str) -> None:
    output = ObjectOutput(bucket)
    first, second = sink(output, writer="w1"), sink(output, writer="w2", rotate_rows=7)
    first.open_partitions([0])
    second.open_partitions([0])
    records = log(12)
    take_records(first, records)
    with pytest.raises(SinkFencedError):
        take_records(second, records)
    feed(sink(output, writer="w3"), log(30))
    assert offsets(output) == list(range(30))


def test_conditional_writes(bucket: str, tmp_path: Path) -> None:
    output = ObjectOutput(bucket)
    version = output.swap("x", b"1", None)
    for stale in (None, {"e_tag": '"0"', "version": None}):
        with pytest.raises(VersionConflict):
            output.swap("x", b"2", stale)
    output.swap("x", b"3", version)
    with pytest.raises(VersionConflict):
        output.swap("x", b"4", version)
    assert output.load("x") is not None
    assert output.load("y") is None
    for text, expected in (("a", True), ("b", False)):
        (tmp_path / "f").write_text(text)
        assert output.publish(tmp_path / "f", "dir/f") is expected
    assert output.paths("dir") == ["dir/f"]
    assert output.paths("dir", but=["dir/f"]) == ["dir/f"], "a folder is left out, not a file"
    assert output.paths("", but=["dir"]) == ["x"]
    assert output.load("dir/f")[0] == b"a"  # type: ignore[index]  # it was just put there


def test_a_store_without_conditional_writes_is_refused(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = ObjectOutput(bucket)
    output.check_usable()
    assert output.paths(".plaudit") == []
    monkeypatch.setattr(output, "_refuses_swap", lambda *_: False)
    with pytest.raises(OutputError, match="does not honour conditional writes"):
        output.check_usable()


def test_a_missing_bucket_and_a_wrong_url_are_errors_at_once(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="s3://nowhere/x cannot be written"):
        sink(ObjectOutput("s3://nowhere/x"))
    with pytest.raises(OutputError, match="names no bucket"):
        ObjectOutput("s3://")
    with pytest.raises(SettingsError, match="ftp:// is not one of s3, gs, az"):
        load(SinkSettings, environ={"PLAUDIT_OUTPUT": "ftp://x"})
    with pytest.raises(SettingsError, match="say where"):
        open_output(SinkSettings())
    with pytest.raises(OutputError, match="PLAUDIT_SINK_SCRATCH"):
        ObjectOutput(bucket, "/proc/plaudit")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc")
    with pytest.raises(OutputError, match="/proc cannot be written"):
        ObjectOutput(bucket)


def test_a_large_file_goes_up_in_parts_for_one_piece_goes_through_memory(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, large = ObjectOutput(bucket), tmp_path / "large"
    large.touch()
    os.truncate(large, (64 << 20) + 1)
    put, parts = obstore.put, []

    def noting(*arguments: Any, **options: Any) -> Any:
        parts.append(options["use_multipart"])
        return put(*arguments, **options) if not options["use_multipart"] else None

    monkeypatch.setattr(obstore, "put", noting)
    assert output.publish(large, "dir/large")
    assert parts == [True]
    output.swap("dir/there", b"x", None)
    large.touch()
    os.truncate(large, (64 << 20) + 1)
    assert not output.publish(large, "dir/there")


def test_a_store_that_is_away_is_waited_for(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_schemas.object_store._RETRY", {"max_retries": 0})
    output = ObjectOutput(bucket)
    one = sink(output)
    one.open_partitions([0])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = ObjectOutput(bucket)
    one.partitions[0]._output = one.partitions[0]._marker._output = away
    with pytest.raises(OutputUnavailableError, match="the sink waits"):
        take_records(one, log(20))
    feed(sink(output), log(20))
    assert offsets(output) == list(range(20))
