"""The supervisor with small real processes: what ends is started again, and in the end nothing runs."""

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_infra.servers.process import is_listening
from plaudit_infra.servers.server import Server

from harness.waiting import eventually

LISTEN = (
    "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
)


class Small(Server):
    """Listens on a port; or ends at once."""

    def __init__(self, folder: Path, name: str, code: str = LISTEN) -> None:
        self.name, self._code = name, code
        super().__init__(folder / name)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['web']}"

    def answers(self) -> bool:
        return is_listening(self.ports["web"])

    def _port_names(self) -> Sequence[str]:
        return ("web",)

    def _command(self) -> list[str | Path]:
        return [sys.executable, "-c", self._code, str(self.ports["web"])]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where servers live; in the end none may run."""
    yield tmp_path
    assert _running(tmp_path) == []


def _running(folder: Path) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(str(folder))]


def test_a_killed_process_is_started_again_on_its_port_and_told(folder: Path) -> None:
    first, second = Small(folder, "first"), Small(folder, "second")
    first.start()
    supervisor = Supervisor([first], [second])
    supervisor.start()
    try:
        eventually(supervisor.ready, "both are ready")
        for server in (first, second):
            before, port = server.process_id, server.ports["web"]
            assert before is not None
            os.kill(before.pid, signal.SIGKILL)
            eventually(
                lambda s=server, b=before: s.process_id not in (None, b) and supervisor.ready(),  # type: ignore[misc]
                f"{server.name} runs again",
                60,
            )
            assert server.ports["web"] == port
            assert any(f"{server.name} was killed (signal 9)" in note for note in supervisor.notes())
        assert [line.restarts for line in supervisor.lines()] == [1, 1]
        assert len(_running(folder)) == 2
    finally:
        supervisor.stop()


def test_a_process_that_always_ends_is_tried_with_pauses_and_never_ready(folder: Path) -> None:
    now = [0.0]
    supervisor = Supervisor([], [Small(folder, "broken", "raise SystemExit(3)")], clock=lambda: now[0])
    supervisor.start()
    try:
        eventually(lambda: supervisor.restarts() == 1, "the first end is seen")
        assert any("exit code 3" in note for note in supervisor.notes())
        assert not supervisor.ready()
        assert [line.restarts for line in supervisor.lines()] == [1], "it waits: the clock stands"
        now[0] = 10.0
        eventually(lambda: supervisor.restarts() == 2, "it is tried again after a pause")
    finally:
        supervisor.stop()


def test_a_retired_process_stays_stopped(folder: Path) -> None:
    supervisor = Supervisor([], [Small(folder, "one"), Small(folder, "two")])
    supervisor.start()
    try:
        eventually(supervisor.ready, "both are ready")
        supervisor.retire("one")
        eventually(lambda: supervisor.gone("one"), "it is gone")
        assert supervisor.ready(), "what was stopped on purpose is no trouble"
        assert len(_running(folder)) == 1
        assert supervisor.restarts() == 0
    finally:
        supervisor.stop()


def test_a_failure_of_the_supervisor_is_told_and_stops_all(folder: Path) -> None:
    class Failing(Small):
        def _command(self) -> list[str | Path]:
            raise OSError("no disk")

    good = Small(folder, "good")
    supervisor = Supervisor([], [good, Failing(folder, "failing")])
    supervisor.start()
    eventually(lambda: supervisor.failure is not None, "the failure is told")
    assert "no disk" in str(supervisor.failure)
    eventually(lambda: not good.is_running(), "the others are stopped")
    supervisor.stop()


class OutOfRoom(Small):
    """Its first start finds no room on the disk."""

    starts = 0

    def launch(self) -> None:
        self.starts += 1
        if self.starts == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().launch()


def test_a_process_that_finds_no_room_is_started_when_there_is_some(folder: Path) -> None:
    server = OutOfRoom(folder, "cramped")
    supervisor = Supervisor([], [server])
    supervisor.start()
    try:
        eventually(supervisor.ready, "it is ready")
        assert supervisor.failure is None
        assert any("cramped cannot be started: No space left" in note for note in supervisor.notes())
    finally:
        supervisor.stop()
