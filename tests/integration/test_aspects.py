"""Declared aspects on real servers: counted, shown, audited, and the same after a replay."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.snapshots import FigureId
from plaudit_infra.audit.run import audit
from plaudit_infra.commands.alerts import rules_text
from plaudit_infra.servers.process import free_port
from plaudit_producers import FeedbackProducer
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import AspectError
from plaudit_schemas.settings import load
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.monitors import active_alerts, shown_value
from tests.support.prometheus import PrometheusServer, program
from tests.support.votes import votes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

FILE = """
version: 1
applications:
  shop:
    - name: helpful, really?
      kinds: [number]
      levels: [message]
      direction: higher_is_better
      minimum: 0
      maximum: 4
    - {name: solved, kinds: [thumb], levels: [message], direction: higher_is_better}
    - {name: tone, kinds: [label], levels: [message], direction: neutral, labels: [warm, cold]}
"""
NAME = "helpful, really?"
VOTES = 40
SECOND = 1_000_000


@pytest.fixture
def aspects_file(tmp_path: Path) -> Path:
    path = tmp_path / "aspects.yaml"
    path.write_text(FILE)
    return path


def rate(
    one: Line, count: int, worth: Callable[[int], float], *, begin: int = 0, aspects: Path | None = None
) -> None:
    """Chats in which an older producer, which knows no file, makes typos as well."""
    connection = one.connection.model_copy(update={"aspects": None if aspects is None else str(aspects)})
    with FeedbackProducer("shop", connection=connection) as producer:
        for number in range(begin, begin + count):
            with producer.start_conversation(f"c{number}", model="answerer") as chat:
                chat.add_message("user", "?")
                answer = chat.add_message("assistant", "!")
                chat.rate(answer, worth(number), minimum=0, maximum=4, aspect=NAME)
                chat.label(answer, ["warm"] if number % 4 else ["cold", "warm"], aspect="tone")
                if aspects is None:
                    chat.like(answer, aspect=f"typo {number % 3}")
        assert producer.flush(60) == 0


def counters(one: Line) -> dict[str, dict[bytes, bytes]]:
    """Every counter of every partition, as Redis has it."""
    found = {}
    with redis.Redis.from_url(one.redis) as client:
        for partition in range(one.partitions):
            keys = partition_keys(one.connection.redis_prefix, partition)
            for key in client.scan_iter(f"{keys.metrics}*"):
                found[key.decode()] = client.hgetall(key)
    return found


def balanced(one: Line) -> dict[str, Any]:
    report = audit(one.connection, load(WorkerSettings, environ={}), None, wait_s=60)
    assert (report.differences, report.pending) == ([], [])
    return report.totals()


@pytest.fixture
def scraped(
    line: Callable[..., Line], aspects_file: Path, tmp_path: Path
) -> Iterator[tuple[Line, PrometheusServer]]:
    """A worker that knows the file, and the Prometheus that scrapes it."""
    program("prometheus")
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_text("demo", read_aspects(aspects_file)), encoding="utf-8")
    one, port = line(partitions=2), free_port()
    server = PrometheusServer(tmp_path / "prometheus", {"plaudit-worker": f"127.0.0.1:{port}"}, rules)
    one.start_worker(web_port=str(port), snapshot_interval_s="1", aspects=str(aspects_file))
    server.start()
    yield one, server
    server.kill()


def test_figures_prometheus_and_the_monitor_agree_and_a_fall_is_an_alert(
    scraped: tuple[Line, PrometheusServer], aspects_file: Path
) -> None:
    one, server = scraped
    rate(one, VOTES, lambda number: 3 + number % 2)
    counted = f'plaudit_aspect_votes{{aspect="{NAME}",window="5m"}} == {VOTES}'
    eventually(lambda: bool(server.query(counted)), "Prometheus has the votes")
    ((_, mean),) = [
        (sample["metric"], float(sample["value"][1]))
        for sample in server.query(f'plaudit_aspect_ratio{{aspect="{NAME}",window="5m"}}')
    ]
    assert mean == pytest.approx(3.5 / 4)
    shares = {
        sample["metric"]["label"]: float(sample["value"][1])
        for sample in server.query('plaudit_aspect_label_ratio{aspect="tone",window="5m"}')
    }
    assert shares == {"warm": 1.0, "cold": 0.25}
    shown = {sample["metric"]["aspect"] for sample in server.query("plaudit_aspect_votes")}
    assert shown == {NAME, "tone", "other"}, "typos of producers without the file"
    connection = one.connection.model_copy(update={"aspects": str(aspects_file)})
    monitor = LineMonitor(connection, profile="demo", group="plaudit-worker")
    which = FigureId(f"aspect:{NAME}", "user", "number", "message")
    eventually(lambda: bool(monitor.poll() and shown_value(monitor, which)), "the monitor has it too")
    assert shown_value(monitor, which) == pytest.approx(3.5 / 4)
    now = time.time_ns() // 1000
    one.send(votes(100, likes=0.9, first_us=now - 230 * SECOND, last_us=now - 70 * SECOND, aspect="solved"))
    one.send(votes(100, likes=0.2, first_us=now - SECOND, last_us=now, seed=2, aspect="solved"))
    fired = 'ALERTS{alertname="PlauditAspectDrop",alertstate="firing"}'
    eventually(lambda: bool(server.query(fired)), "the alert fires", 60)
    (alert,) = server.query(fired)
    assert (alert["metric"]["aspect"], alert["metric"]["application"]) == ("solved", "shop")
    eventually(lambda: "PlauditAspectDrop" in active_alerts(monitor), "the product says so too")
    monitor.close()


def test_a_replay_and_the_audit_give_the_same_whatever_the_file_says(
    line: Callable[..., Line], aspects_file: Path
) -> None:
    one = line(partitions=2, settings={"metric_values": "2"})
    rate(one, 30, lambda number: number % 5)
    one.start_worker(aspects=str(aspects_file))
    one.wait_folded()
    cells = balanced(one)["cells"]
    assert cells > 50
    before = counters(one)
    text = str(before)
    assert "helpful%2C%20really%3F" in text, "declared, so it is counted by its name even past the limit"
    assert ":other" in text
    one.end_worker(one.workers[0])
    aspects_file.write_text(FILE.replace("helpful, really?", "something else"))
    worker = one.start_worker(aspects=str(aspects_file))
    rate(one, 30, lambda number: number % 5, begin=500)
    one.wait_folded()
    balanced(one)
    one.end_worker(worker)
    held = counters(one)
    with redis.Redis.from_url(one.redis) as client:
        for key in client.scan_iter(f"{one.connection.redis_prefix}*"):
            if b"labels" not in key:
                client.delete(key)
    one.start_worker()
    one.wait_folded()
    assert counters(one) == held
    one.stop_workers()


def test_the_gateways_kin_refuse_a_typo_and_the_log_stays_clean(
    line: Callable[..., Line], aspects_file: Path
) -> None:
    one = line(partitions=1)
    connection = one.connection.model_copy(update={"aspects": str(aspects_file)})
    with FeedbackProducer("shop", connection=connection, strict=True) as producer:
        chat = producer.start_conversation("c", model="m")
        with pytest.raises(AspectError, match="did you mean helpful, really"):
            chat.rate("m", 3, minimum=0, maximum=4, aspect="helpful really")
    assert len(one.log()) == 1


def test_a_worker_with_a_wrong_file_says_so_and_ends(line: Callable[..., Line], aspects_file: Path) -> None:
    one = line(partitions=1)
    aspects_file.write_text("version: 3")
    worker = one.start_worker(aspects=str(aspects_file))
    assert one.wait_ended(worker) != 0
    assert "aspects file" in one.logs()
