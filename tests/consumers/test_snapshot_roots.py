"""Snapshots of roots that a sink wrote: what a crash left out, an object store, a sink just begun."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.manifest import verify_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.sink.outputs.objects import ObjectOutput

from tests.consumers.live_root import bytes_of
from tests.support.finished import T0_MS
from tests.support.object_store import empty_bucket, object_store
from tests.support.offline_sink import feed, log, sink


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot of a root that two sinks made."""
    feed(sink(tmp_path / "root"), log(25))
    feed(sink(tmp_path / "root"), log(31))
    build_snapshot(str(tmp_path / "root"), SnapshotPlan(output=tmp_path / "snapshot", shares=(2, 1, 1)))
    return tmp_path / "snapshot"


def test_what_a_sink_wrote_is_in_the_snapshot(snapshot: Path) -> None:
    manifest = verify_snapshot(snapshot)
    assert sum(manifest.rows["conversations"].values()) == 31
    assert sum(manifest.rows["preference"].values()) == 11
    assert manifest.read_to == {"0": 31}


@pytest.mark.slow
def test_later_rows_do_not_change_an_older_snapshot(tmp_path: Path) -> None:
    half_way = datetime.fromtimestamp((T0_MS + 14_500) / 1000, UTC)
    feed(sink(tmp_path / "root"), log(15))
    build_snapshot(str(tmp_path / "root"), SnapshotPlan(output=tmp_path / "before", as_of=half_way))
    feed(sink(tmp_path / "root"), log(31))
    build_snapshot(str(tmp_path / "root"), SnapshotPlan(output=tmp_path / "after", as_of=half_way))
    assert bytes_of(tmp_path / "after") == bytes_of(tmp_path / "before")


def test_a_root_that_a_sink_has_only_begun_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "root" / ".plaudit").mkdir(parents=True)
    assert build_snapshot(str(tmp_path / "root"), SnapshotPlan(output=tmp_path / "snapshot")).as_of is None


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with object_store() as address:
        yield empty_bucket(address, monkeypatch)


@pytest.mark.slow
def test_a_root_in_an_object_store_gives_the_same_snapshot(
    bucket: str, snapshot: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceFileError, match="where the sink writes"):
        build_snapshot(bucket, SnapshotPlan(output=tmp_path / "none"))
    output = ObjectOutput(bucket, str(tmp_path))
    feed(sink(output), log(25))
    feed(sink(output), log(31))
    output.close()
    build_snapshot(bucket, SnapshotPlan(output=tmp_path / "remote", shares=(2, 1, 1)))
    assert bytes_of(tmp_path / "remote") == bytes_of(snapshot)


def test_a_store_that_cannot_be_read_is_said(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="cannot be read"):
        build_snapshot("s3://nobodys/chats", SnapshotPlan(output=tmp_path / "snapshot"))
    with pytest.raises(SourceFileError, match="frob:// is not one of s3, gs, az, nor a folder"):
        build_snapshot("frob://x/y", SnapshotPlan(output=tmp_path / "snapshot"))
    assert [path.name for path in tmp_path.iterdir()] == []
