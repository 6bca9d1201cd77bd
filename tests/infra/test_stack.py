"""The local stack as a user meets it: processes started, crashed, stopped, by the real command."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from plaudit_infra.servers.errors import AlreadyRunningError, ServerStartError, StackError
from plaudit_infra.servers.process import spawn, stop
from plaudit_infra.servers.stack import Stack
from plaudit_infra.servers.valkey import ValkeyServer

from harness.waiting import eventually
from tests.support.file_modes import open_to_others

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


def _servers(folder: Path) -> dict[str, Any]:
    return {row["server"]: row for row in json.loads(_plaudit(folder, "status", "--json").stdout)}


def _up(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PLAUDIT_DATA": str(folder)}
    return subprocess.Popen(
        [*PLAUDIT, "up", *words], env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def _reads(up: subprocess.Popen[bytes], words: bytes) -> bool:
    assert up.stderr is not None
    return any(words in line for line in iter(up.stderr.readline, b""))


def _living_in(folder: Path) -> list[int]:
    """Pids of processes that work in a folder, recorded or not."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
    return found


def _gone(pids: list[int]) -> bool:
    return not any(map(psutil.pid_exists, pids))


@pytest.mark.slow
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
        assert open_to_others(tmp_path) == []
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
@pytest.mark.parametrize(
    ("sig", "servers"),
    [
        pytest.param(signal.SIGINT, ["valkey"], id="ctrl-c"),
        pytest.param(signal.SIGTERM, ["valkey"], marks=pytest.mark.slow, id="terminated"),
        pytest.param(signal.SIGHUP, ["valkey"], marks=pytest.mark.slow, id="hung up"),
        pytest.param(signal.SIGTERM, ["kafka", "valkey"], marks=pytest.mark.slow, id="terminated, kafka too"),
        pytest.param(signal.SIGKILL, ["kafka", "valkey"], marks=pytest.mark.slow, id="killed, kafka too"),
    ],
)
def test_nothing_outlives_plaudit_up(
    tmp_path: Path, kafka: str, sig: signal.Signals, servers: list[str]
) -> None:
    existing = [] if "kafka" in servers else ["--bootstrap-servers", kafka]
    with _up(tmp_path, *existing) as up:
        assert _reads(up, b"Ctrl-C stops it")
        pids = _pids(tmp_path)
        assert len(pids) == len(servers)
        up.send_signal(sig)
        up.wait(120)
    eventually(partial(_gone, pids), "no server is left")
    assert not _living_in(tmp_path)
    if sig is not signal.SIGKILL:
        assert up.returncode == 0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.parametrize("dead", ["valkey", "kafka"])
def test_up_starts_a_dead_server_beside_a_living_one(tmp_path: Path, kafka_files: None, dead: str) -> None:
    assert _plaudit(tmp_path, "up", "--detach").returncode == 0
    before = _servers(tmp_path)
    os.kill(before[dead]["pid"], signal.SIGKILL)
    eventually(partial(_gone, [before[dead]["pid"]]), "the killed server is gone")
    again = _plaudit(tmp_path, "up", "--detach")
    assert again.returncode == 0, again.stderr
    after = _servers(tmp_path)
    living = "kafka" if dead == "valkey" else "valkey"
    assert after[living]["pid"] == before[living]["pid"]
    assert {name: row["address"] for name, row in after.items()} == {
        name: row["address"] for name, row in before.items()
    }
    assert _plaudit(tmp_path, "status").returncode == 0
    assert _plaudit(tmp_path, "down").stdout == "stopped kafka and valkey\n"


@pytest.mark.redis
def test_a_server_that_does_not_come_up_leaves_the_living_one(
    tmp_path: Path, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Stack(tmp_path, bootstrap_servers=kafka)
    first.start()
    first.release()
    second = Stack(tmp_path)

    def fail(_timeout_s: float = 0) -> None:
        raise ServerStartError("kafka did not start")

    monkeypatch.setattr(second.kafka, "start", fail)
    with pytest.raises(ServerStartError):
        second.start()
    assert first.valkey.answers()
    assert (tmp_path / "stack.json").exists()
    first.stop()


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


@pytest.mark.redis
def test_a_second_start_sees_servers_detached_since_it_began(tmp_path: Path, kafka: str) -> None:
    first, second = (Stack(tmp_path, bootstrap_servers=kafka) for _ in range(2))
    first.start()
    first.release()
    with pytest.raises(AlreadyRunningError, match="valkey already run"):
        second.start()
    assert second.stop() == ["valkey"]


@pytest.mark.redis
def test_the_state_file_leads_to_the_servers_and_is_the_users_alone(tmp_path: Path, kafka: str) -> None:
    stack = Stack(tmp_path, bootstrap_servers=kafka)
    settings = stack.start()
    file = tmp_path / "stack.json"
    document = json.loads(file.read_text())
    assert document["settings"] == settings
    assert document["servers"] == {"valkey": stack.valkey.describe()}
    assert file.stat().st_mode & 0o077 == 0
    assert stack.ended() == []
    stack.valkey.kill()
    assert stack.ended() == ["valkey"]
    stack.stop()
    assert not file.exists()
    assert stack.ended() is None


@pytest.mark.slow
def test_what_the_stack_writes_is_its_users_alone(tmp_path: Path, kafka: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)  # as the release before made it
    assert _plaudit(folder, "up", "--detach", "--bootstrap-servers", kafka).returncode == 0
    try:
        assert (folder / "valkey").exists()
        assert open_to_others(folder) == []
    finally:
        assert _plaudit(folder, "down").returncode == 0
    assert open_to_others(folder) == []


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="does not answer") as caught:
        Stack(tmp_path, redis_url="redis://me:hunter2@127.0.0.1:9/0").start()
    assert "hunter2" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.redis
def test_down_ends_a_foreground_up_without_an_alarm(tmp_path: Path, kafka: str) -> None:
    with _up(tmp_path, "--bootstrap-servers", kafka) as up:
        assert _reads(up, b"Ctrl-C stops it")
        assert _plaudit(tmp_path, "down").stdout == "stopped valkey\n"
        assert _reads(up, b"stopped by `plaudit down`")
        assert up.wait(120) == 0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.parametrize(
    "word", [b"starting Valkey", b"starting Kafka"], ids=["starting valkey", "starting kafka"]
)
@pytest.mark.parametrize("detach", [False, True], ids=["attached", "detached"])
def test_a_start_that_is_killed_leaves_nothing_that_down_does_not_find(
    tmp_path: Path, kafka_files: None, word: bytes, detach: bool
) -> None:
    with _up(tmp_path, *(["--detach"] if detach else [])) as up:
        assert _reads(up, word)
        up.kill()
    if detach:
        _plaudit(tmp_path, "down")
    eventually(lambda: not _living_in(tmp_path), "no server is left")


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
@pytest.mark.parametrize(
    "state", ["", "{", "[]", '{"ports": {}}'], ids=["empty", "cut off", "a list", "no process"]
)
def test_a_cut_state_file_is_survived(tmp_path: Path, state: str) -> None:
    (tmp_path / "valkey.json").write_text(state)
    server = ValkeyServer(tmp_path)
    server.start()
    assert server.answers()
    server.stop()
