"""The spool's folder: what has been told to the disk, and when."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_producers.errors import SpoolError
from plaudit_producers.sdk.options import SpoolSync
from plaudit_producers.spool.store import Spool

KEY, PAYLOAD = b"shop/c", b"x" * 100_000
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
    spool = Spool(root, MAX_BYTES, sync)
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
    spool = Spool(tmp_path, MAX_BYTES, "interval")
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
