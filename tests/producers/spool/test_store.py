"""The spool's folder: what has been told to the disk, and when."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_producers.errors import SpoolError
from plaudit_producers.sdk.options import SpoolSync
from plaudit_producers.spool.folder import SpoolFolder
from plaudit_producers.spool.segment import Segment
from plaudit_producers.spool.store import Spool
from plaudit_schemas.contract.ulid import new_ulid

KEY, PAYLOAD = b"shop/c", b"x" * 100_000
TOPIC = "plaudit.conversation-events"
MAX_BYTES = 4 << 20  # and so segments of 512 KiB

Synced = Callable[[], set[Path]]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """What was fsynced since it was last asked."""
    found: set[Path] = set()
    fsync = os.fsync

    def record(descriptor: int) -> None:
        found.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    def take() -> set[Path]:
        taken = set(found)
        found.clear()
        return taken

    monkeypatch.setattr(os, "fsync", record)
    return take


def opened(root: Path, sync: SpoolSync, events: int) -> Spool:
    spool = Spool(root, TOPIC, MAX_BYTES, sync)
    fill(spool, events)
    return spool


def fill(spool: Spool, events: int) -> None:
    for _ in range(events):
        assert spool.append_event(KEY, PAYLOAD)


def logs(spool: Spool) -> list[Path]:
    return [segment.path for segment in spool.segments]


def test_interval_owes_every_segment_and_every_folder_that_changed(tmp_path: Path, synced: Synced) -> None:
    root = tmp_path / "new" / "spool"
    spool = opened(root, "interval", 23)
    assert len(logs(spool)) == 4
    assert synced() == set()  # the chat's thread waits for no disk
    spool.sync()
    own = logs(spool)[0].parent
    assert synced() == {*logs(spool), own, root, root.parent, tmp_path}
    spool.sync()
    assert synced() == set()
    fill(spool, 1)
    spool.sync()
    assert synced() == {logs(spool)[-1]}
    spool.close()


def test_always_has_the_disk_know_an_event_and_the_names_that_lead_to_it(
    tmp_path: Path, synced: Synced
) -> None:
    root = tmp_path / "spool"
    spool = opened(root, "always", 1)
    (first,) = logs(spool)
    assert synced() == {first, first.parent, root, tmp_path}
    fill(spool, 1)
    assert synced() == {first}
    fill(spool, 5)
    assert synced() == {first, first.parent, logs(spool)[1]}
    spool.close()


def test_never_asks_the_disk_for_nothing(tmp_path: Path, synced: Synced) -> None:
    spool = opened(tmp_path, "never", 12)
    spool.sync()
    spool.close()
    assert synced() == set()


def test_what_stays_is_synced_at_the_end_and_what_is_done_is_not(tmp_path: Path, synced: Synced) -> None:
    spool = opened(tmp_path, "interval", 12)
    done, kept = logs(spool)[0], logs(spool)[1:]
    for index in range(spool.segments[0].events):
        spool.segments[0].settle(index)
    spool.close()
    assert set(kept) <= synced() - {done}
    assert not done.exists()


def test_what_an_ended_process_left_is_synced_too(tmp_path: Path, synced: Synced) -> None:
    left = opened(tmp_path, "never", 12)
    paths = logs(left)
    left.close()
    spool = Spool(tmp_path, TOPIC, MAX_BYTES, "interval")
    spool.add_orphans(spool.adopt_orphans())
    spool.sync()
    assert set(paths) < synced()
    spool.close()


def test_a_disk_that_fails_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, asked = opened(tmp_path, "interval", 1), []

    def fail(descriptor: int) -> None:
        asked.append(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            spool.sync()
    monkeypatch.undo()
    assert len(asked) == 3
    spool.close()


def test_an_event_that_the_disk_did_not_take_is_not_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, problem = opened(tmp_path, "always", 1), OSError(errno.EIO, "Input/output error")

    def fail(descriptor: int) -> None:
        raise problem

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SpoolError, match="Input/output"):
        spool.append_event(KEY, PAYLOAD)
    problem.errno = errno.ENOSPC
    assert spool.append_event(KEY, PAYLOAD) is None
    monkeypatch.undo()
    assert spool.waiting() == 1
    spool.close()


def test_a_folder_that_cannot_be_read_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    spool = opened(tmp_path, "interval", 1)
    monkeypatch.setattr(os, "open", refuse)
    spool.sync()
    monkeypatch.undo()
    spool.close()


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        pytest.param(None, True, id="the same topic"),
        pytest.param(b"", True, id="an older version's folder"),
        pytest.param(b"staging." + TOPIC.encode(), False, id="another prefix"),
        pytest.param(TOPIC.encode() + b"-2", False, id="a longer name"),
        pytest.param(TOPIC.encode()[:-1], False, id="a shorter name"),
        pytest.param(b"x" * 249, False, id="the longest name"),
    ],
)
def test_a_folder_is_taken_over_for_its_own_topic_only(
    tmp_path: Path, written: bytes | None, taken: bool
) -> None:
    left = opened(tmp_path, "never", 1)
    lock = logs(left)[0].parent / "lock"
    left.close()
    assert lock.read_bytes() == TOPIC.encode()
    if written is not None:
        lock.write_bytes(written)
    spool = Spool(tmp_path, TOPIC, MAX_BYTES, "never")
    assert len(spool.adopt_orphans()) == taken
    spool.abandon()


def left_behind(root: Path, events: int = 1) -> Path:
    """The spool folder of a process that ended with events in it."""
    spool = opened(root, "never", events)
    folder = logs(spool)[0].parent
    spool.close()
    return folder


def test_a_file_that_cannot_be_read_is_tried_again_and_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = left_behind(tmp_path, 7), left_behind(tmp_path, 2)
    assert len(list(first.glob("*.log"))) == 2
    bad, real = first / "00000001.log", Segment.__init__
    for error in (OSError(errno.EIO, "Input/output error"), ValueError("cannot mmap")):

        def fail(segment: Segment, path: Path, *, adopt: bool = False, error: Exception = error) -> None:
            if path == bad:
                raise error
            real(segment, path, adopt=adopt)

        monkeypatch.setattr(Segment, "__init__", fail)
        spool = Spool(tmp_path, TOPIC, MAX_BYTES, "interval")
        for _ in range(3):
            spool.add_orphans(spool.adopt_orphans())
            assert spool.has_unread_orphans()
            assert logs(spool) == [first / "00000002.log", second / "00000001.log"]
        assert caplog.text.count("cannot be read now") == 1
        monkeypatch.undo()
        spool.add_orphans(spool.adopt_orphans())
        assert not spool.has_unread_orphans()
        assert sum(segment.events for segment in spool.segments) == 9
        spool.close()
        caplog.clear()


def test_a_folder_that_cannot_be_listed_is_taken_over_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = left_behind(tmp_path)
    spool = Spool(tmp_path, TOPIC, MAX_BYTES, "interval")

    def fail(folder: SpoolFolder) -> list[Path]:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(SpoolFolder, "segment_paths", fail)
    assert spool.adopt_orphans() == []
    assert spool.has_unread_orphans()
    monkeypatch.undo()
    other = SpoolFolder.take_over(left, TOPIC)
    assert other is not None  # nobody keeps it locked meanwhile
    other.abandon()
    (segment,) = spool.adopt_orphans()
    assert segment.path.parent == left
    assert not spool.has_unread_orphans()
    spool.close()


def _age(folder: Path, seconds: float) -> Path:
    at = time.time() - seconds
    os.utime(folder, (at, at))
    return folder


def _look_around(root: Path) -> None:
    spool = Spool(root, TOPIC, MAX_BYTES, "never")
    spool.add_orphans(spool.adopt_orphans())
    spool.close()


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [
        pytest.param(".new-", [], id="made, not locked"),
        pytest.param(".new-", ["lock"], id="locked, not named"),
        pytest.param("", [], id="emptied, not deleted"),
        pytest.param("", ["00000001.acks"], id="unlocked, not emptied"),
    ],
)
def test_a_folder_without_events_that_a_killed_process_left_is_deleted(
    tmp_path: Path, prefix: str, inside: list[str]
) -> None:
    folder = tmp_path / f"{prefix}{new_ulid()}"
    folder.mkdir()
    for name in inside:
        (folder / name).touch()
    _age(folder, 60)
    _look_around(tmp_path)
    assert folder.exists()  # its process may be alive
    _age(folder, -1e6)
    _look_around(tmp_path)
    assert folder.exists()  # the clock is off
    _age(folder, 2 * 3600)
    _look_around(tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["mine", ".new-mine", "abcdefghijklmnopqrstuvwxyz"])
def test_a_folder_of_somebody_else_stays(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    _age(folder, 1e6)
    _look_around(tmp_path)
    assert folder.exists()


def test_a_half_made_folder_with_something_else_in_it_stays(tmp_path: Path) -> None:
    folder = tmp_path / f".new-{new_ulid()}"
    folder.mkdir()
    (folder / "00000001.log").write_bytes(b"PLSPOOL1")
    _age(folder, 1e6)
    _look_around(tmp_path)
    assert (folder / "00000001.log").exists()
