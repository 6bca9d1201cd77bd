"""Files in a sink's output that are damaged or not its own, and outputs that cannot be used."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.sink.errors import ForeignFileError, OutputError
from plaudit_consumers.sink.outputs.local import LocalOutput

from tests.support.offline_sink import feed, log, sink


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("v1/conversations/date=2026-09-21/part-0.parquet", id="another writer's file"),
        pytest.param("v1/amendments/notes.txt", id="notes"),
        pytest.param("v1/other/date=2026-09-21/0000-000000000000-000000000009.parquet", id="unknown subset"),
    ],
)
def test_a_foreign_file_is_named_and_refused(tmp_path: Path, path: str) -> None:
    feed(sink(tmp_path), log(3))
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(b"x")
    with pytest.raises(ForeignFileError, match=path):
        sink(tmp_path)


def test_a_damaged_file_is_named_and_refused(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    paths = sorted(tmp_path.glob("v1/conversations/*/*.parquet"))
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[:-5])
    with pytest.raises(ForeignFileError, match=paths[1].name):
        sink(tmp_path)
    paths[1].write_bytes(whole)
    one = sink(tmp_path)
    next(tmp_path.glob(".plaudit/markers/id-1/0000.json")).unlink()
    paths[2].write_bytes(b"PAR1" + b"\0" * 50 + b"PAR1")
    with pytest.raises(ForeignFileError, match=paths[2].name):
        one.open_partitions([0])
    pq.write_table(pq.read_table(paths[0]).replace_schema_metadata({}), paths[2])
    with pytest.raises(ForeignFileError, match="not written by a sink"):
        one.open_partitions([0])


def test_files_that_overlap_are_named_and_refused(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(30))
    paths = sorted(tmp_path.glob("v1/conversations/*/*.parquet"))
    paths[1].rename(paths[1].with_name("0000-000000000005-000000000014.parquet"))
    with pytest.raises(ForeignFileError, match="hold the same offsets"):
        sink(tmp_path).open_partitions([0])


def test_a_damaged_marker_and_a_foreign_readme_are_named(tmp_path: Path) -> None:
    feed(sink(tmp_path), log(3))
    marker = next(tmp_path.glob(".plaudit/markers/id-1/0000.json"))
    marker.write_text("{}")
    with pytest.raises(ForeignFileError, match="delete it"):
        sink(tmp_path).open_partitions([0])
    (tmp_path / "README.md").write_text("# mine")
    with pytest.raises(ForeignFileError, match=r"README\.md"):
        sink(tmp_path)


def test_a_folder_without_permission_is_an_error_at_once() -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        LocalOutput(Path("/proc/plaudit"))  # not even root may


def test_a_file_in_the_way_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="name another folder"):
        LocalOutput(tmp_path / "out")
