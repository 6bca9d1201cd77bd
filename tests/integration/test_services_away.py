"""Processes whose Kafka or Redis is away, when they start and later: they wait, say so, and go on."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from plaudit_infra.servers.process import free_port

from harness.environ import environ_with
from harness.events import events
from harness.waiting import eventually
from tests.integration.test_faults import _message, _record
from tests.support.health import asked, metrics, wait_ready, wait_unready
from tests.support.line import Line
from tests.support.review_queues import SALT

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
Make = Callable[..., Line]
PORTS = {
    "worker": "web_port",
    "sink": "sink_web_port",
    "scorer": "scorer_web_port",
    "review-queue": "review_queue_web_port",
    "gateway": "gateway_port",
}
SESSIONS = ("worker_session_s", "sink_session_s", "scorer_session_s", "review_queue_session_s")
_LONGER_THAN_A_SESSION_S = 15.0


class Waiting(NamedTuple):
    """A process under test.

    Attributes:
        ready: the words of its readiness once all its services answer; empty if it is ready then.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    ready: str = ""

    def wait_served(self) -> None:
        """Wait until nothing but what `ready` says is missing."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            wait_unready(self.port, self.ready) if self.ready else wait_ready(self.port)
        except BaseException:
            print(self.name, asked(self.port, "/health/ready"), self.log.read_text()[-4000:])
            raise

    def wait_away(self, service: str) -> None:
        """Wait until it is alive, not ready, and says why."""
        try:
            wait_unready(self.port, service)
        except BaseException:
            print(self.name, asked(self.port, "/health/ready"), self.log.read_text()[-4000:])
            raise
        assert asked(self.port, "/health/live")[0] == 200

    def told(self) -> list[str]:
        """What it has said of waiting, without what varies."""
        found = re.findall(r"waiting: (.*)", self.log.read_text())
        return [re.sub(r"\([^)]*\)|\d+", "", words) for words in found]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Waiting]]:
    """Starts commands of the line on servers that may be away."""
    made: list[subprocess.Popen[bytes]] = []

    def start(line: Line, name: str, **more: str) -> Waiting:
        port, log = free_port(), tmp_path / f"{name}{len(made)}.log"
        settings = {
            "bootstrap_servers": line.kafka,
            "redis_url": line.redis,
            "topic_prefix": line.connection.topic_prefix,
            "redis_prefix": line.connection.redis_prefix,
            PORTS[name]: str(port),
            **dict.fromkeys(SESSIONS, "4"),
            "output": str(tmp_path / "out"),
            "scorer_model": "polite",
            "review_salt": SALT,
            "gateway_keys": str(tmp_path / "keys.json"),
            **more,
        }  # fmt: skip
        command = [sys.executable, "-m", "plaudit_infra.main", name]
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=environ_with(**settings), stdout=file, stderr=file)
        made.append(process)
        return Waiting(name, process, port, log, "no version of polite" if name == "scorer" else "")

    yield start
    for process in made:
        process.kill()
        process.wait(60)


def _end(one: Waiting) -> int:
    one.process.terminate()
    return one.process.wait(120)


def test_kafka_is_away_at_the_start_and_later(
    line: Make, kafka_server: Callable[[], Any], started: Callable[..., Waiting], tmp_path: Path
) -> None:
    server = kafka_server()
    one = line(kafka=server.address)
    (tmp_path / "keys.json").write_text('{"keys": []}')
    server.kill()
    found = [started(one, name) for name in PORTS]
    for each in found:
        each.wait_away("Kafka")
    server.start()
    for each in found:
        each.wait_served()
    end = _record("EndConversation", {"reason": "closed"})
    one.send([_record("StartConversation", {}), _message(1, "a"), end])
    one.wait_folded()

    server.kill()
    for each in found[:-1]:
        each.wait_away("Kafka")
    gateway = found[-1]
    eventually(lambda: "Kafka" in str(asked(gateway.port, "/health/ready")[1]), "the gateway says so")
    assert asked(gateway.port, "/health/ready")[0] == 200, "its clients should get a 503 that says more"
    past = time.monotonic() + _LONGER_THAN_A_SESSION_S
    eventually(lambda: time.monotonic() > past, "the sessions are over")
    server.start()
    for each in found:
        each.wait_served()
    one.send(events(200, open_conversations=20, start_us=time.time_ns() // 1000))
    one.wait_folded()
    one.check_exact()
    for each in found:
        told = each.told()
        assert told, each.name
        assert all(told.count(words) <= 2 for words in told), (each.name, told)  # once in each of the waits
        assert _end(each) == 0, each.log.read_text()[-3000:]


def test_redis_is_away_at_the_start_and_later(
    line: Make, valkey_server: Callable[[], Any], started: Callable[..., Waiting], tmp_path: Path
) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    (tmp_path / "keys.json").write_text('{"keys": []}')
    server.kill()
    found = [started(one, name) for name in ("worker", "scorer", "review-queue")]
    gateway = started(one, "gateway")
    for each in found:
        each.wait_away("Redis")
    gateway.wait_served()  # it takes events without Redis
    server.start()
    for each in found:
        each.wait_served()
    one.send(events(200, open_conversations=20, start_us=time.time_ns() // 1000))
    one.wait_folded()
    server.kill()
    one.send(events(200, open_conversations=20, seed=2, start_us=time.time_ns() // 1000))
    found[0].wait_away("waiting")
    server.start()
    for each in found:
        each.wait_served()
    one.wait_folded()
    for each in [*found, gateway]:
        assert _end(each) == 0, each.log.read_text()[-3000:]


@pytest.mark.parametrize("name", ["worker", "sink", "scorer", "review-queue"])
def test_a_process_that_waits_can_be_stopped(line: Make, started: Callable[..., Waiting], name: str) -> None:
    one = started(line(), name, bootstrap_servers="127.0.0.1:9", redis_url="redis://127.0.0.1:9/0")
    one.wait_away("waiting")
    own = "" if name == "worker" else f"{name.replace('-', '_')}_"
    assert float(metrics(one.port, f"plaudit_{own}ready ")[0].split()[1]) == 0
    assert _end(one) == 0
    assert "Traceback" not in one.log.read_text()


def test_a_sink_that_should_end_by_itself_does_not_wait(line: Callable[..., Line], tmp_path: Path) -> None:
    settings = environ_with(bootstrap_servers="127.0.0.1:9", output=str(tmp_path / "out"), sink_web_port="0")
    command = [sys.executable, "-m", "plaudit_infra.main", "sink", "--once"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "PLAUDIT_BOOTSTRAP_SERVERS" in done.stderr
