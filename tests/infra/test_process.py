"""One child process: recorded before it runs, known for sure, its ports its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.process import (
    ProcessId,
    free_port,
    hold_port,
    is_free,
    is_listening,
    spawn,
    stop,
    wait_until,
)


def test_a_process_that_dies_or_hangs_at_the_start_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    dead = spawn(["sh", "-c", "echo out of luck; exit 3"], log)
    with pytest.raises(ServerStartError, match="out of luck"):
        wait_until(lambda: False, "it", dead, log)
    slow = spawn(["sleep", "600"], log)
    with pytest.raises(ServerStartError, match="did not answer within"):
        wait_until(lambda: False, "it", slow, log, timeout_s=0.2)
    stop(slow)
    assert slow.find() is None
    stop(ProcessId(slow.pid, slow.started))


def test_nothing_runs_that_could_not_be_recorded(tmp_path: Path) -> None:
    seen: list[ProcessId] = []

    def fail(process_id: ProcessId) -> None:
        seen.append(process_id)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        spawn(["touch", tmp_path / "ran"], tmp_path / "log", record=fail)
    stop(seen[0])
    assert seen[0].find() is None
    assert not (tmp_path / "ran").exists()


def test_a_ctrl_c_while_a_process_is_forked_is_heard(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from plaudit_infra.servers.process import spawn
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(signal.SIGINT))
try:
    spawn(["sleep", "600"], Path(sys.argv[1]) / "log")
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("heard\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_its_parent_ignores_a_process_ignores_too(tmp_path: Path) -> None:
    code = """
import signal, sys
from pathlib import Path
from plaudit_infra.servers.process import spawn, stop
signal.signal(signal.SIGHUP, signal.SIG_IGN)
child = spawn(["sleep", "600"], Path(sys.argv[1]) / "log")
print(Path(f"/proc/{child.pid}/status").read_text())
stop(child)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, timeout=120
    )
    (ignored,) = (line.split()[1] for line in done.stdout.splitlines() if line.startswith("SigIgn"))
    assert int(ignored, 16) & 1, "as under nohup"


def test_a_process_keeps_its_identity_when_the_clock_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_id = spawn(["sleep", "600"], tmp_path / "log")
    now = psutil.Process(process_id.pid).create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: now + 3600)
    assert process_id.find() is not None
    assert ProcessId(process_id.pid, process_id.started - 1).find() is None
    monkeypatch.undo()
    stop(process_id)


def test_ports_are_free_distinct_and_not_ephemeral() -> None:
    ports = {free_port() for _ in range(20)}
    assert all(20_000 <= port < 32_000 for port in ports)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        busy = int(stranger.getsockname()[1])
        assert not is_free(busy)
        assert free_port(busy) != busy
    wanted = ports.pop()
    assert free_port(wanted) == wanted
    assert free_port(wanted, {wanted}) != wanted


def test_a_held_port_can_still_be_listened_on() -> None:
    port = free_port()
    held = hold_port(port)
    assert held is not None
    try:
        assert is_free(port)
        assert not is_listening(port)
        with socket.create_server(("127.0.0.1", port)):
            assert is_listening(port)
            assert hold_port(port) is None
        assert is_free(port)
    finally:
        os.close(held)
