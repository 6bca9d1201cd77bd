"""What every service has: health on a thread, metrics by definition, a producer that leaves no gap."""

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.kafka import acked
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.service import logs
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.metrics import Metric, MetricSet
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually

METRICS = (
    Metric("events_total", "counter", "Events."),
    Metric("lag", "gauge", "Lag.", ("partition",)),
    Metric("wait_seconds", "histogram", "Wait.", buckets=(0.1, 1.0)),
)


def _asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  # our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def _served(loop: asyncio.AbstractEventLoop | None = None, **problems: Callable[[], Any]) -> Iterator[str]:
    metrics = MetricSet(METRICS)
    health = Health(metrics.registry, **{"unready": lambda: None, **problems})
    with serve(health, "127.0.0.1", 0, "PLAUDIT_X_PORT", loop) as url:
        yield url


def test_health_says_what_is_wrong_and_what_is_done_without() -> None:
    with _served() as url:
        assert _asked(url + "/health/live") == (200, '{"status": "live"}')
        assert json.loads(_asked(url + "/health/ready?x=1")[1]) == {"status": "ready", "reason": None}
        assert "events_total 0.0" in _asked(url + "/metrics")[1]
        assert _asked(url + "/elsewhere")[0] == 404
    with _served(unready=lambda: "no Kafka", dead=lambda: "stuck", degraded=lambda: "no Redis") as url:
        status, body = _asked(url + "/health/ready")
        assert (status, json.loads(body)) == (
            503, {"status": "not ready", "reason": "no Kafka", "degraded": "no Redis"}
        )  # fmt: skip
        assert _asked(url + "/health/live")[0] == 503


def test_a_port_that_is_taken_is_said_with_its_setting() -> None:
    with _served() as url:
        port = int(url.rpartition(":")[2])
        with (
            pytest.raises(SettingsError, match="PLAUDIT_X_PORT"),
            serve(Health(MetricSet(()).registry, unready=lambda: None), "127.0.0.1", port, "PLAUDIT_X_PORT"),
        ):
            pass


def test_a_loop_that_does_not_come_round_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_schemas.service.health_server._LOOP_ANSWERS_WITHIN_S", 0.2)

    async def run() -> tuple[tuple[int, str], tuple[int, str]]:
        loop = asyncio.get_running_loop()
        with _served(loop) as url:
            well = await asyncio.to_thread(_asked, url + "/health/live")
            with ThreadPoolExecutor(1) as pool:
                asking = pool.submit(_asked, url + "/health/live")
                return well, asking.result(60)  # the fault: this blocks the loop

    well, stuck = asyncio.run(run())
    assert well == (200, '{"status": "live"}')
    assert stuck[0] == 503
    assert "event loop" in stuck[1]


def test_metrics_are_what_was_declared_and_a_cleared_one_shows_nothing() -> None:
    metrics = MetricSet(METRICS)
    metrics.counter("events_total").inc(2)
    metrics.gauge("lag", "0").set(5)
    metrics.histogram("wait_seconds").observe(0.5)
    assert metrics.value("events_total") == 2
    assert metrics.registry.get_sample_value("lag", {"partition": "0"}) == 5
    assert metrics.registry.get_sample_value("wait_seconds_bucket", {"le": "1.0"}) == 1
    metrics.clear("lag")
    assert metrics.registry.get_sample_value("lag", {"partition": "0"}) is None
    metrics.gauge("lag", "0").set(7)
    assert metrics.registry.get_sample_value("lag", {"partition": "0"}) == 7
    with pytest.raises(KeyError):
        metrics.counter("unknown")


@pytest.mark.parametrize(
    ("name", "level", "text", "written"),
    [
        pytest.param("plaudit.worker", logging.INFO, "started", True, id="an entry of ours"),
        pytest.param("a.transport", logging.INFO, "[^--Consumer]: Starting...", False, id="a Faust service"),
        pytest.param("a.transport", logging.ERROR, "[^--Consumer]: Crashed", True, id="its error"),
        pytest.param(
            "aiokafka.consumer", logging.ERROR,
            "Group Coordinator Request failed: [Error 15] GroupCoordinatorNotAvailableError", False,
            id="a broker that starts",
        ),
        pytest.param("aiokafka", logging.ERROR, "Unable connect to node", True, id="a broker that is away"),
    ],
)  # fmt: skip
def test_libraries_log_no_more_than_an_operator_wants(
    name: str, level: int, text: str, written: bool
) -> None:
    record = logging.LogRecord(name, level, "", 0, text, (), None)
    assert logs._LibraryFilter().filter(record) == written


class _Client:
    """Takes every record but those of the topic `refused`; never reports on those of the topic `lost`."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.fatal: KafkaException | None = None

    def produce(self, topic: str, _value: Any, _key: Any, *, on_delivery: Any, **_options: Any) -> None:
        if topic == "refused":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.taken.append(topic)
        if topic == "fenced":
            self.fatal = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
        elif topic != "lost":
            on_delivery(None, SimpleNamespace(timestamp=lambda: (0, 0)))

    def poll(self, timeout: float) -> int:
        time.sleep(min(timeout, 0.01))
        if self.fatal is not None:
            raise self.fatal
        return 0


@pytest.mark.parametrize(("gapless", "taken"), [(True, ["a"]), (False, ["a", "b"])], ids=["gapless", "plain"])
def test_nothing_follows_a_refused_record_where_a_gap_would_harm(
    monkeypatch: pytest.MonkeyPatch, gapless: bool, taken: list[str]
) -> None:
    client = _Client()
    monkeypatch.setattr(acked, "connector", lambda *_: lambda: client)
    producer = AckedProducer(ConnectionSettings(), {}, gapless=gapless)
    records = [ProducerRecord(topic, None, b"") for topic in ("a", "refused", "b")]
    unsent = producer.send_records_blocking(records)
    assert client.taken == taken
    assert [each.record.topic for each in unsent] == (["refused", "b"] if gapless else ["refused"])
    assert {each.error.code() for each in unsent} == {KafkaError.MSG_SIZE_TOO_LARGE}
    again = producer.send_records_blocking(records[:1])
    assert bool(again) == gapless
    producer.close()


def test_nobody_waits_for_a_report_that_does_not_come_after_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """librdkafka keeps what it holds after a fatal error until its time-out, which a worker has not."""
    client = _Client()
    monkeypatch.setattr(acked, "connector", lambda *_: lambda: client)
    producer = AckedProducer(ConnectionSettings(), {}, gapless=True)
    lost, refused = [ProducerRecord("lost", None, b"")], [ProducerRecord("refused", None, b"")]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(producer.send_records_blocking, lost)
        eventually(lambda: client.taken == ["lost"], "the record is under way")
        producer.send_records_blocking(refused)
        unsent = waiting.result(60)
    assert [(each.record, each.error.code()) for each in unsent] == [(lost[0], KafkaError.MSG_SIZE_TOO_LARGE)]
    assert producer.refused is not None
    assert producer.refused.record == refused[0]
    producer.close()


@pytest.mark.parametrize("gapless", [True, False], ids=["gapless", "plain"])
def test_a_client_that_gives_up_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch, gapless: bool) -> None:
    client = _Client()
    monkeypatch.setattr(acked, "connector", lambda *_: lambda: client)
    producer = AckedProducer(ConnectionSettings(), {}, gapless=gapless)
    records = [ProducerRecord(topic, None, b"") for topic in ("a", "lost", "fenced")]
    unsent = asyncio.run(asyncio.wait_for(producer.send_records(records), 60))
    assert [each.record.topic for each in unsent] == ["lost", "fenced"]
    assert {each.error.code() for each in unsent} == {KafkaError._FENCED}
    assert producer.fatal is not None
    producer.close()
