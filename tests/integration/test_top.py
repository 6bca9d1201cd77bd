"""`plaudit top --once` on a real topic of figures: it shows a whole round, with the limits of the line."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_consumers.commands import top
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_infra.main import main
from plaudit_infra.servers.stack import Stack
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.topics import METRICS

from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

_SERIES = 3000  # more than are read at once
_US = 1_000_000


def _publish(line: Line, at_us: int, series: range) -> None:
    encoder = Encoder("metric_snapshot")
    for number in series:
        name = f"app{number}"
        record = {
            "window_seconds": 300, "at": at_us, "application": name, "model": "", "model_version": "",
            "variant": "", "source": "", "immature": True, "skewed": False, "figures": [],
        }  # fmt: skip
        topic = line.connection.topic_prefix + METRICS
        produce_when_room(line.producer, topic, encoder.encode(record), f"5m|{name}".encode())
    assert line.producer.flush(120) == 0


@pytest.mark.parametrize(
    ("ages_s", "whole"),
    [
        pytest.param([20, 10], [_SERIES, 10], id="the newest round is still coming in"),
        pytest.param([60], [_SERIES], id="one round, and nobody publishes any more"),
    ],
)
def test_a_whole_round_is_shown(line: Callable[..., Line], ages_s: list[int], whole: list[int]) -> None:
    one, now_us = line(partitions=1), time.time_ns() // 1000
    for age_s, series in zip(ages_s, whole, strict=True):
        _publish(one, now_us - age_s * _US, range(series))
    monitor = LineMonitor(one.connection, profile="production", group=WORKER_GROUP)
    top.wait_for_figures(monitor)
    assert len(monitor.history.current()) == _SERIES
    monitor.close()


def test_top_takes_the_limits_of_the_line_that_it_looks_at(
    line: Callable[..., Line],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = line(partitions=1)
    _publish(one, time.time_ns() // 1000 - 60 * _US, range(3))
    stack = Stack(
        tmp_path,
        bootstrap_servers=one.kafka,
        redis_url=one.redis,
        settings={
            "PLAUDIT_DASHBOARD_PROFILE": "demo",
            "PLAUDIT_TOPIC_PREFIX": one.connection.topic_prefix,
        },
    )
    stack.start()
    profiles = []

    class Seen(LineMonitor):
        def __init__(self, *arguments: object, profile: str, group: str) -> None:
            profiles.append(profile)
            super().__init__(*arguments, profile=profile, group=group)  # type: ignore[arg-type]  # passed on

    monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path))
    monkeypatch.setattr("plaudit_consumers.dashboard.monitor.LineMonitor", Seen)
    assert main(["top", "--once"]) == 0
    assert main(["top", "--once", "--profile", "production"]) == 0
    stack.stop()
    assert profiles == ["demo", "production"]
