"""Symlinks and odd names in a root: followed, or named and refused, and never passed over."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.disk import DurableFolders, list_files
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.outputs.local import LocalOutput

from tests.consumers.live_root import bytes_of
from tests.support.offline_sink import feed, log, sink
from tests.support.sinks import sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    feed(sink(tmp_path / "root"), log(25))
    return tmp_path / "root"


def _snapshot(root: Path, name: str) -> Path:
    output = root.parent / name
    build_snapshot(str(root), SnapshotPlan(output=output))
    return output


def _moved_day(root: Path) -> Path:
    (day,) = (root / "v1/conversations").iterdir()
    elsewhere = root.parent / "elsewhere"
    shutil.move(day, elsewhere)
    day.symlink_to(elsewhere)
    return day


def _moved_subset(root: Path) -> None:
    shutil.move(root / "v1/conversations", root.parent / "conversations")
    (root / "v1/conversations").symlink_to(root.parent / "conversations")


def _moved_file(root: Path) -> None:
    path = next((root / "v1/conversations").rglob("*.parquet"))
    shutil.move(path, root.parent / "file")
    path.symlink_to(root.parent / "file")


def _moved_layout(root: Path) -> None:
    shutil.move(root / "v1", root.parent / "v1")
    (root / "v1").symlink_to(root.parent / "v1")


@pytest.mark.slow
@pytest.mark.parametrize(
    "move",
    [
        pytest.param(_moved_day, id="a day"),
        pytest.param(_moved_subset, id="a subset"),
        pytest.param(_moved_file, id="a file"),
        pytest.param(_moved_layout, id="all files"),
    ],
)
def test_what_lies_behind_a_symlink_is_read_and_written(root: Path, move: Callable[[Path], object]) -> None:
    before = bytes_of(_snapshot(root, "before"))
    move(root)
    assert bytes_of(_snapshot(root, "after")) == before
    next(root.glob(".plaudit/markers/*/*.json")).unlink()  # the files alone tell the position
    feed(sink(root), log(31))
    assert sources(root) == {(0, offset): 1 for offset in range(31)}


@pytest.mark.slow
def test_a_root_behind_a_symlink_is_the_same_root(root: Path) -> None:
    before = bytes_of(_snapshot(root, "before"))
    link = root.parent / "link"
    link.symlink_to(root)
    assert bytes_of(_snapshot(link, "after")) == before
    feed(sink(link), log(31))
    assert sources(root) == {(0, offset): 1 for offset in range(31)}


def _dangling_day(root: Path) -> None:
    shutil.rmtree(_moved_day(root).resolve())


def _dangling_file(root: Path) -> None:
    _moved_file(root)
    (root.parent / "file").unlink()


def _dangling_layout(root: Path) -> None:
    _moved_layout(root)
    shutil.rmtree(root.parent / "v1")


def _loop(root: Path) -> None:
    (root / "v1/conversations/date=2026-01-01").symlink_to(root / "v1/conversations")


def _day_twice(root: Path) -> None:
    (day,) = (root / "v1/conversations").iterdir()
    day.with_name("date=2026-01-01").symlink_to(day)


def _pipe(root: Path) -> None:
    (day,) = (root / "v1/conversations").iterdir()
    os.mkfifo(day / "0000-000000000100-000000000109.parquet")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(_dangling_day, "is a symlink to nothing", id="a day to nothing"),
        pytest.param(_dangling_file, "is a symlink to nothing", id="a file to nothing"),
        pytest.param(_dangling_layout, "is a symlink to nothing", id="all files to nothing"),
        pytest.param(_loop, "folder that is listed already", id="a loop"),
        pytest.param(_day_twice, "folder that is listed already", id="a day twice"),
        pytest.param(_pipe, "is not a file", id="a pipe"),
    ],
)
def test_what_cannot_be_read_is_named(root: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(root)
    with pytest.raises(SourceFileError, match=message):
        _snapshot(root, "snapshot")
    with pytest.raises(ForeignFileError, match=message):
        sink(root)


def test_a_copied_file_is_named(root: Path) -> None:
    (day,) = (root / "v1/conversations").iterdir()
    shutil.copytree(day, day.with_name("date=2026-01-01"))
    with pytest.raises(SourceFileError, match="hold the same offsets"):
        _snapshot(root, "snapshot")


@pytest.mark.slow
def test_marks_of_patterns_in_a_folders_name_are_letters(root: Path) -> None:
    before = bytes_of(_snapshot(root, "before"))
    shutil.copytree(root, root.parent / "r00t")  # the pattern r[0*?]*t would match this one as well
    odd = root.parent / "r[0*?]*t"
    root.rename(odd)
    assert bytes_of(_snapshot(odd, "after [*]")) == before


def test_a_folder_that_does_not_exist_has_no_files(tmp_path: Path) -> None:
    assert list_files(tmp_path / "a/b").files == []
    assert list_files(tmp_path / "a/b").odd == {}


def test_every_new_folder_is_synced_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    root = tmp_path / "a/b"
    output = LocalOutput(root)
    assert {tmp_path, tmp_path / "a"} <= set(synced)
    (output.scratch / "f").write_text("x")
    assert output.publish(output.scratch / "f", "v1/conversations/date=2026-01-01/f")
    written = ("v1/conversations/date=2026-01-01", "v1/conversations", "v1", "")
    assert {root / folder for folder in written} <= set(synced)
    synced.clear()
    output.swap(".plaudit/markers/t/0000.json", b"1", None)
    assert {root / folder for folder in (".plaudit/markers/t", ".plaudit/markers", ".plaudit", "")} <= set(
        synced
    )
    synced.clear()
    output.swap(".plaudit/markers/t/0000.json", b"2", "1")
    assert [folder for folder in synced if folder.is_dir()] == [root / ".plaudit/markers/t"]


def test_a_folder_that_somebody_deletes_is_made_again(tmp_path: Path) -> None:
    folders = DurableFolders(tmp_path / "root")
    for _ in range(2):
        folders.ensure(tmp_path / "root/a/b")
        assert (tmp_path / "root/a/b").is_dir()
        shutil.rmtree(tmp_path / "root/a")
