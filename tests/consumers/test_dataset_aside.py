"""Where a snapshot is built: nothing is left of a build that ends; wrong places and full disks are named."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from plaudit_consumers.datasets.aside import aside_of, check_apart, remove_abandoned
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.errors import DatasetError, DiskFullError, OutputExistsError, OutputPlaceError
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK

from harness.waiting import eventually
from tests.consumers.live_root import Root

# A build that says when it is writing, and stays there.
_STUCK = """
import signal, sys
from pathlib import Path
from plaudit_consumers.datasets import build
def stop(*_):
    Path(sys.argv.pop()).touch()
    signal.pause()
build.write_split = stop
from plaudit_infra.main import main
sys.exit(main(["datasets", "build", "--root", sys.argv[1], "--output", sys.argv[2]]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(tmp_path / "live")
    for number in range(5):
        root.sft(f"c{number}", f"question {number}", f"answer {number}")
    return root.publish()


@contextmanager
def _stuck_build(root: Root, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    mark = output.parent / f"{output.name} is written"
    build = subprocess.Popen([sys.executable, "-c", _STUCK, str(root.folder), str(output), str(mark)])
    try:
        eventually(mark.exists, "the build writes")
        mark.unlink()
        yield build
    finally:
        build.kill()
        build.wait()


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "live")


@pytest.mark.slow
def test_what_a_killed_build_left_is_removed_beside_a_running_one(root: Root, tmp_path: Path) -> None:
    with _stuck_build(root, tmp_path / "killed") as killed:
        killed.kill()
    (left,) = _left(tmp_path)
    with _stuck_build(root, tmp_path / "running") as running:
        (kept,) = _left(tmp_path)
        assert kept != left
        assert (
            main(["datasets", "build", "--root", str(root.folder), "--output", str(tmp_path / "snap")]) == OK
        )
        assert _left(tmp_path) == [kept, "snap"]
        running.terminate()
        assert running.wait() == 128 + signal.SIGINT
    assert _left(tmp_path) == ["snap"]


@pytest.mark.parametrize("query", ["run", "batches"])
def test_a_build_that_is_stopped_within_a_query_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """DuckDB takes the signal itself and raises an error of its own."""
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    monkeypatch.setattr("plaudit_consumers.datasets.database.sql", lambda _: endless)
    database = Database(tmp_path, 512, 1)
    former = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(getattr(database, query)("endless"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        database.close()


def test_a_build_that_others_take_for_abandoned_takes_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    removed: list[Path] = []

    def late(handle: int, how: int) -> None:
        if not removed:  # another build is faster than our lock
            removed.append(next(tmp_path.glob(".snap.*")))
            shutil.rmtree(removed[0])
        lock(handle, how)

    monkeypatch.setattr("plaudit_consumers.datasets.aside.fcntl.flock", late)
    with aside_of(tmp_path / "snap") as aside:
        assert aside.is_dir()
        assert aside not in removed
    assert _left(tmp_path) == ["snap"]


def test_a_disk_without_locks_can_hold_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / ".old.x.building").mkdir()
    monkeypatch.setattr("plaudit_consumers.datasets.aside.fcntl.flock", no_locks)
    with aside_of(tmp_path / "snap") as aside:
        assert remove_abandoned(tmp_path) == []
        (aside / "README.md").touch()
    assert _left(tmp_path) == [".old.x.building", "snap"]


def test_folders_that_can_never_be_locked_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr("plaudit_consumers.datasets.aside.fcntl.flock", held)
    with pytest.raises(DatasetError, match="cannot be written to"), aside_of(tmp_path / "snap"):
        pass


def test_somebody_elses_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".notes.building").write_text("a file")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".link.building").symlink_to(tmp_path / "elsewhere")
    assert remove_abandoned(tmp_path) == []
    assert _left(tmp_path) == [".link.building", ".notes.building", "elsewhere"]


@pytest.mark.parametrize(
    "place", ["snap", "v1/sft/snap", "link/snap", "v1/../snap", "new/snap", pytest.param(".", id="itself")]
)
def test_an_output_in_the_root_is_refused(root: Root, tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(root.folder / "v1")
    output = (tmp_path if place.startswith("link") else root.folder) / place
    before = sorted(root.folder.rglob("*"))
    with pytest.raises(OutputPlaceError, match="lies in the root"):
        build_snapshot(str(root.folder), SnapshotPlan(output=output))
    assert sorted(root.folder.rglob("*")) == before


def test_a_root_that_is_reached_by_a_link_or_a_url_is_the_same_root(root: Root, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root.folder)
    for spelling in (str(tmp_path / "link"), f"file://{root.folder}", f"{root.folder}/../live/"):
        with pytest.raises(OutputPlaceError):
            check_apart(spelling, root.folder / "snap")
        check_apart(spelling, tmp_path / "live-2" / "snap")
    check_apart("s3://lake/chats", root.folder)
    check_apart("frob://x", root.folder)


def test_a_root_in_the_output_is_refused(root: Root, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for output in (tmp_path, tmp_path / "link"):
        with pytest.raises(OutputPlaceError, match=r"the root .* lies in"):
            build_snapshot(str(root.folder), SnapshotPlan(output=output))


def test_an_output_that_cannot_be_made_is_named(root: Root, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match=r"cannot be written to .*file"):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "file" / "snap"))
    with pytest.raises(OutputExistsError):
        build_snapshot(str(root.folder), SnapshotPlan(output=tmp_path / "file"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
        DatasetError("the disk is full or failed: IO Error: Could not write file: No space left on device"),
    ],
    ids=["the system's", "a quota", "Arrow's", "DuckDB's"],
)
def test_a_full_disk_is_named_by_its_place(tmp_path: Path, error: Exception) -> None:
    message = rf"the disk of {tmp_path} is full .*--output on a larger disk"
    with pytest.raises(DiskFullError, match=message), aside_of(tmp_path / "snap"):
        raise error
    assert _left(tmp_path) == []


@pytest.mark.slow
def test_a_disk_that_is_full_in_fact_is_named(root: Root, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    # A mount of its own process: nothing is mounted for others, and nothing is left.
    script = (
        'mount -t tmpfs -o size=48k tmpfs "$1" || exit 77; "$2" -m plaudit_infra.main datasets build '
        '--root "$3" --output "$1/snap"; code=$?; ls -A "$1"; exit $code'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(small), sys.executable, str(root.folder)],
        capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this system mounts nothing for ordinary users")
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert f"the disk of {small} is full (0 MB free" in done.stderr
    assert done.stderr.count("\n") == 1
