"""A real Prometheus scrapes a real worker: steady traffic is no alert, a worse model is one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_infra.commands.alerts import rules_text
from plaudit_infra.grafana import dashboards, queries
from plaudit_infra.servers.process import free_port
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.topics import EVENTS

from harness.events import events
from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.line import Line
from tests.support.prometheus import PrometheusServer, program
from tests.support.votes import votes

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

SECOND = 1_000_000
FILL_IN = {"$application": ".*", "$model": ".*", "$window": "5m", "$__rate_interval": "1m"}


@pytest.fixture
def watched(line: Callable[..., Line], tmp_path: Path) -> Iterator[tuple[Line, PrometheusServer]]:
    """A worker and the Prometheus that scrapes it, with the demo's rules: their windows are short."""
    program("prometheus")
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_text("demo"), encoding="utf-8")
    one, port = line(), free_port()
    server = PrometheusServer(tmp_path / "prometheus", {"plaudit-worker": f"127.0.0.1:{port}"}, rules)
    one.start_worker(web_port=str(port), snapshot_interval_s="1")
    server.start()
    yield one, server
    server.kill()


def test_the_alert_fires_when_a_model_gets_worse_and_not_before(
    watched: tuple[Line, PrometheusServer],
) -> None:
    one, server = watched
    now = time.time_ns() // 1000
    one.send(votes(300, likes=0.85, first_us=now - 230 * SECOND, last_us=now - 70 * SECOND))
    one.send(votes(100, likes=0.85, first_us=now - 45 * SECOND, last_us=now, seed=2))
    recent = 'sum(model:plaudit_satisfaction_votes:sum{window="1m"}) >= 60 and sum(up) == 1'
    eventually(lambda: bool(server.query(recent)), "Prometheus has the votes")
    eventually(lambda: bool(server.query("model:plaudit_satisfaction_drop:sigmas")), "the rules have them")
    assert server.query('ALERTS{alertname!="PlauditNoWorker"}') == []
    assert _queries_that_fail(server) == []
    monitor = LineMonitor(one.connection, profile="demo", group="plaudit-worker")
    eventually(lambda: bool(monitor.poll() and monitor.history.current()), "the product has the figures too")
    assert monitor.alerts == []
    now = time.time_ns() // 1000
    one.send(votes(200, likes=0.1, first_us=now - SECOND, last_us=now, seed=3))
    fired = 'ALERTS{alertname="PlauditSatisfactionDrop",alertstate="firing"}'
    eventually(lambda: bool(server.query(fired)), "the alert fires")
    labels = server.query(fired)[0]["metric"]
    assert (labels["application"], labels["model"], labels["severity"]) == ("shop", "answerer", "page")
    eventually(lambda: _alerts(monitor) != [], "the product says so too")
    assert _alerts(monitor) == ["PlauditSatisfactionDrop"]
    eventually(lambda: _waiting(monitor) == 0, "nothing waits")
    monitor.close()
    shown = _top(one)
    assert "Satisfaction of answerer fell" in shown
    assert "answerer 1" in shown


def _alerts(monitor: LineMonitor) -> list[str]:
    monitor.poll()
    return [active.condition.alert for active in monitor.alerts]


def _waiting(monitor: LineMonitor) -> int | None:
    monitor.poll()
    return None if monitor.lag is None else monitor.lag.waiting


def test_a_worker_that_is_gone_is_an_alert(watched: tuple[Line, PrometheusServer]) -> None:
    one, server = watched
    eventually(lambda: bool(server.query("plaudit_ready == 1")), "the worker is ready")
    eventually(lambda: not server.query("ALERTS"), "nothing is wrong")
    one.end_worker(one.workers[0])
    down = 'ALERTS{alertname="PlauditTargetDown",alertstate="firing"}'
    eventually(lambda: bool(server.query(down)), "the alert fires")


def test_events_in_wrong_partitions_are_an_alert_until_they_are_sent_again(
    watched: tuple[Line, PrometheusServer],
) -> None:
    """The alert names the day until which the topic of the dead letters keeps them: two weeks from now."""
    one, server = watched
    ((key, value),) = events(1, start_us=time.time_ns() // 1000)
    wrong = (partition_of(key, one.partitions) + 1) % one.partitions
    one.producer.produce(one.connection.topic_prefix + EVENTS, value, key, partition=wrong)
    assert one.producer.flush(60) == 0
    sent_at = datetime.now(UTC)
    fired = 'ALERTS{alertname="PlauditWrongPartition",alertstate="firing"}'
    eventually(lambda: bool(server.query(fired)), "the alert fires")
    days = {f"{sent_at + timedelta(days=14, seconds=late):%Y-%m-%d}" for late in (0, 120)}
    (summary,) = _summaries(server, "PlauditWrongPartition")
    assert summary.partition("until ")[2][:10] in days
    assert run_command(one, "dead-letters", "--reason", "wrong_partition", "--limit", "1", "--send")[0] == 0
    eventually(lambda: not server.query(fired), "the alert ends", 200)


def _summaries(server: PrometheusServer, alert: str) -> list[str]:
    found = httpx.get(f"{server.address}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
    return [each["annotations"]["summary"] for each in found if each["labels"]["alertname"] == alert]


def _top(one: Line) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", "top", "--window", "1m", "--once", "--profile", "demo"],
        env={
            **os.environ,
            "PLAUDIT_BOOTSTRAP_SERVERS": one.kafka,
            "PLAUDIT_TOPIC_PREFIX": one.connection.topic_prefix,
            "COLUMNS": "140",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def _queries_that_fail(server: PrometheusServer) -> list[str]:
    failed = []
    for query in (query for board in dashboards().values() for query in queries(board)):
        filled = query
        for variable, value in FILL_IN.items():
            filled = filled.replace(variable, value)
        try:
            server.query(filled)
        except httpx.HTTPStatusError as error:
            failed.append(f"{query}: {error}")
    return failed
