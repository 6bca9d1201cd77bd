"""Scorers beside people on real servers: counted, shown, alerted on, audited, and the same after a replay."""

import time
from collections import defaultdict
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
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.settings import load
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.waiting import eventually
from tests.support import agreement_pairs
from tests.support.line import Line
from tests.support.monitors import active_alerts, shown_value
from tests.support.prometheus import PrometheusServer, program
from tests.support.scores import Scored

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

SECOND = 1_000_000
Pairs = list[tuple[int, bool]]


def now_us() -> int:
    return time.time_ns() // 1000


def pairs(one: Line) -> dict[str, Pairs]:
    """Scorer -> its pairs, straight from the log: no fold took part."""
    decoder = Decoder("conversation_event", sparse=True)
    said: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in one.log():
        event = decoder.decode(record.value or b"")
        name, body = event["body"]
        if name == "plaudit.v1.UpdateMessage":
            said[event["conversation_id"]].append({"message_id": "a", "feedback": body["feedback"]})
    found: defaultdict[str, Pairs] = defaultdict(list)
    for slots in said.values():
        for which, some in agreement_pairs.pairs_of({"a": {"role": "assistant"}}, slots).items():
            found[f"{which[2]}:{which[3]}"] += some
    return dict(found)


def cells(one: Line) -> dict[str, int]:
    """The counters of agreement in Redis, over all partitions and buckets of ten minutes."""
    total: defaultdict[str, int] = defaultdict(int)
    with redis.Redis.from_url(one.redis) as client:
        for partition in range(one.partitions):
            keys = partition_keys(one.connection.redis_prefix, partition)
            for key in client.scan_iter(f"{keys.metrics}10m:*"):
                for cell, amount in client.hgetall(key).items():
                    _, _, counter = cell.decode().rpartition(" ")
                    if counter.startswith("agreement:"):
                        total[counter.removeprefix("agreement:user:satisfaction:")] += int(amount)
    return {counter: amount for counter, amount in total.items() if amount}


@pytest.fixture
def scraped(line: Callable[..., Line], tmp_path: Path) -> Iterator[tuple[Line, PrometheusServer]]:
    """A worker, and the Prometheus that scrapes it."""
    program("prometheus")
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_text("demo"), encoding="utf-8")
    one, port = line(partitions=2), free_port()
    server = PrometheusServer(tmp_path / "prometheus", {"plaudit-worker": f"127.0.0.1:{port}"}, rules)
    one.start_worker(web_port=str(port), snapshot_interval_s="1")
    server.start()
    yield one, server
    server.kill()


@pytest.mark.slow
def test_figures_prometheus_and_the_monitor_agree_and_a_drop_is_an_alert(
    scraped: tuple[Line, PrometheusServer],
) -> None:
    one, server = scraped
    now = now_us()
    one.send(Scored(150, 0.9, now - 230 * SECOND, now - 70 * SECOND, shy=0.2))
    expected = pairs(one)["taste:1"]
    selected = '{scorer="taste:1",aspect="satisfaction",rater_kind="user",window="5m"}'
    counted = f"plaudit_agreement_messages{selected} == {len(expected)}"
    eventually(lambda: bool(server.query(counted)), "Prometheus has the pairs")
    worked_out = {
        "accuracy_ratio": agreement_pairs.accuracy,
        "auc_ratio": agreement_pairs.area,
        "brier_score": agreement_pairs.brier,
        "calibration_error": agreement_pairs.calibration,
        "mcc": agreement_pairs.matthews,
    }
    for name, work_out in worked_out.items():
        (sample,) = server.query(f"plaudit_agreement_{name}{selected}")
        assert float(sample["value"][1]) == pytest.approx(work_out(expected)), name
    monitor = LineMonitor(one.connection, profile="demo", group="plaudit-worker")
    which = FigureId("agreement_auc:satisfaction", "user", "taste:1", "message")
    eventually(lambda: bool(monitor.poll() and shown_value(monitor, which)), "the monitor has it too")
    assert shown_value(monitor, which) == pytest.approx(agreement_pairs.area(expected))
    one.send(Scored(80, 0.2, now_us() - SECOND, now_us(), seed=2))
    fired = 'ALERTS{alertname="PlauditAgreementDrop",alertstate="firing"}'
    eventually(lambda: bool(server.query(fired)), "the alert fires", 60)
    (alert,) = server.query(fired)
    assert (alert["metric"]["scorer"], alert["metric"]["application"]) == ("taste:1", "shop")
    eventually(lambda: "PlauditAgreementDrop" in active_alerts(monitor), "the product says so too")
    monitor.close()


@pytest.mark.slow
def test_counts_are_exact_after_kills_balance_and_are_the_same_after_a_replay(
    line: Callable[..., Line],
) -> None:
    one = line(partitions=2, settings={"metric_values": "2"})
    now = now_us()
    for version in "1234":
        one.send(Scored(60, 0.8, now - 60 * SECOND, now, version=version, seed=int(version), shy=0.3))
        one.end_worker(one.start_worker())
    worker = one.start_worker()
    one.wait_folded()
    expected, counted = pairs(one), cells(one)
    named = {scorer for scorer in expected if f"{scorer}:n" in counted}
    assert len(named) == 2, "the first two that came; the others count as one"
    shown = {f"{scorer}:": expected[scorer] for scorer in named}
    shown["other::"] = [pair for scorer in expected if scorer not in named for pair in expected[scorer]]
    for scorer, some in shown.items():
        errors = sum((score - 1000 * liked) ** 2 for score, liked in some)
        right = sum((score >= 500) == liked for score, liked in some)
        bins = sum(
            amount for cell, amount in counted.items() if cell.startswith((f"{scorer}yes", f"{scorer}no"))
        )
        assert (counted[f"{scorer}n"], bins) == (len(some), len(some))
        assert (counted[f"{scorer}error"], counted[f"{scorer}sum"]) == (errors, 1000 * right)
    report = audit(one.connection, load(WorkerSettings, environ={}), None, wait_s=60)
    assert (report.differences, report.pending) == ([], [])
    one.end_worker(worker)
    with redis.Redis.from_url(one.redis) as client:
        for key in client.scan_iter(f"{one.connection.redis_prefix}*"):
            if b"labels" not in key:
                client.delete(key)
    one.start_worker()
    one.wait_folded()
    assert cells(one) == counted
    one.stop_workers()
