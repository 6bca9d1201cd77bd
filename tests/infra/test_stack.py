"""The local stack as a user meets it: processes started, crashed, stopped, by the real command."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
from plaudit_infra.servers.errors import AlreadyRunningError, ServerStartError, StackError
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.process import ProcessId, spawn, stop, wait_until
from plaudit_infra.servers.stack import Stack
from plaudit_infra.servers.valkey import ValkeyServer

from tests.support.services import eventually

PLAUDIT = [sys.executable, "-m", "plaudit_infra.main"]


def _plaudit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PLAUDIT_DATA": str(folder)}
    return subprocess.run(
        [*PLAUDIT, *words], env=environ, capture_output=True, text=True, timeout=300, check=False
    )


def _pids(folder: Path) -> list[int]:
    return [
        row["pid"]
        for row in json.loads(_plaudit(folder, "status", "--json").stdout)
        if row["pid"] is not None
    ]


def _gone(pids: list[int]) -> bool:
    return not any(map(psutil.pid_exists, pids))


@pytest.mark.kafka
@pytest.mark.redis
def test_up_create_status_down_twice_and_after_a_crash(tmp_path: Path, kafka_files: None) -> None:
    for crash in (False, True, False):
        started = _plaudit(tmp_path, "up", "--detach")
        assert started.returncode == 0, started.stderr
        assert "PLAUDIT_BOOTSTRAP_SERVERS=127.0.0.1:" in started.stdout
        assert _plaudit(tmp_path, "topics", "create").returncode == 0
        status = _plaudit(tmp_path, "status")
        assert (status.returncode, status.stdout.count(" up ")) == (0, 2), status.stdout
        pids = _pids(tmp_path)
        again = _plaudit(tmp_path, "up", "--detach")
        assert again.returncode == 1
        assert "already run" in again.stderr
        assert again.stderr.count("\n") == 1
        if crash:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            eventually(partial(_gone, pids), "the killed servers are gone")
            assert _plaudit(tmp_path, "status").returncode == 1
        else:
            assert _plaudit(tmp_path, "down").stdout == "stopped kafka and valkey\n"
        assert not any(map(psutil.pid_exists, pids))
    assert "nothing runs" in _plaudit(tmp_path, "down").stdout


@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_plaudit_up(tmp_path: Path, kafka_files: None, sig: signal.Signals) -> None:
    environ = {**os.environ, "PLAUDIT_DATA": str(tmp_path)}
    with subprocess.Popen(
        [*PLAUDIT, "up"], env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as up:
        assert up.stderr is not None
        lines = iter(up.stderr.readline, b"")
        assert any(b"Ctrl-C stops it" in line for line in lines)
        pids = _pids(tmp_path)
        assert len(pids) == 2
        up.send_signal(sig)
        up.wait(120)
    eventually(partial(_gone, pids), "no server is left")
    if sig is not signal.SIGKILL:
        assert up.returncode == 0


@pytest.mark.redis
def test_servers_that_exist_are_used(tmp_path: Path, kafka: str, valkey: str) -> None:
    stack = Stack(tmp_path, bootstrap_servers=kafka, redis_url=valkey)
    settings = stack.start()
    assert settings["PLAUDIT_BOOTSTRAP_SERVERS"] == kafka
    assert [row["state"] for row in stack.status()] == ["up", "up"]
    assert stack.stop() == []
    with pytest.raises(StackError, match="--redis-url"):
        Stack(tmp_path, bootstrap_servers=kafka, redis_url="redis://127.0.0.1:9/0").start()


def test_a_second_start_is_refused_while_the_first_is_at_it(tmp_path: Path, kafka: str, valkey: str) -> None:
    first = Stack(tmp_path, bootstrap_servers=kafka, redis_url=valkey)
    first.start()
    with pytest.raises(AlreadyRunningError, match="another `plaudit up`"):
        Stack(tmp_path, bootstrap_servers=kafka, redis_url=valkey).start()
    first.stop()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="--data"):
        Stack(tmp_path / "file" / "data").start()


@pytest.mark.kafka
def test_kafka_starts_over_a_half_formatted_folder(tmp_path: Path, kafka_files: None) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "bootstrap.checkpoint.tmp").write_bytes(b"half")
    (tmp_path / "log.new").mkdir()
    server = KafkaServer(tmp_path)
    server.start()
    server.kill()


@pytest.mark.redis
def test_a_stale_pid_of_a_stranger_is_left_alone(tmp_path: Path) -> None:
    stranger = spawn(["sleep", "600"], tmp_path / "log")
    state = {"ports": {}, "pid": stranger.pid, "started": stranger.started - 1000}
    (tmp_path / "valkey.json").write_text(json.dumps(state))
    server = ValkeyServer(tmp_path)
    assert not server.is_running()
    server.start()
    server.stop()
    assert stranger.find() is not None
    stop(stranger)


@pytest.mark.redis
@pytest.mark.parametrize("state", ["", "{", "[]", '{"ports": {}}'])
def test_a_cut_state_file_is_survived(tmp_path: Path, state: str) -> None:
    (tmp_path / "valkey.json").write_text(state)
    server = ValkeyServer(tmp_path)
    server.start()
    assert server.answers()
    server.stop()


@pytest.mark.redis
def test_valkey_keeps_its_data_and_its_port(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    address = server.address
    with server.client() as client:
        client.set("key", "value")
    server.stop()
    server.start()
    assert server.address == address
    with server.client() as client:
        assert client.get("key") == b"value"
    server.stop()


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
