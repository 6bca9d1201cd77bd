"""What a worker says of itself while its services go and come."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from plaudit_infra.servers.process import free_port

from harness.events import events
from harness.waiting import eventually
from tests.support.health import asked
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_ready_means_that_work_can_be_done(
    line: Callable[..., Line], valkey_server: Callable[[], Any]
) -> None:
    server, port = valkey_server(), free_port()
    one = line(redis=server.address)
    one.start_worker(web_port=str(port))
    eventually(lambda: asked(port, "/health/ready")[0] == 200, "the worker is ready")
    one.send(events(500, open_conversations=20, start_us=time.time_ns() // 1000))
    one.wait_folded()
    server.kill()
    one.send(events(500, open_conversations=20, seed=2, start_us=time.time_ns() // 1000))
    eventually(lambda: asked(port, "/health/ready")[0] == 503, "it is not ready without Redis")
    assert "waiting" in asked(port, "/health/ready")[1]["reason"]
    assert asked(port, "/health/live") == (200, {"status": "live"})
    server.start()
    eventually(lambda: asked(port, "/health/ready")[0] == 200, "it is ready again")
    one.wait_folded()
    one.check_exact()


def test_a_spare_worker_is_ready_and_waits(line: Callable[..., Line]) -> None:
    one, ports = line(partitions=1), [free_port(), free_port()]
    for port in ports:
        one.start_worker(web_port=str(port))
    eventually(lambda: [asked(port, "/health/ready")[0] for port in ports] == [200, 200], "both are ready")


def test_a_worker_with_nothing_to_send_hears_that_kafka_is_back(
    line: Callable[..., Line], kafka_server: Callable[[], Any]
) -> None:
    server, port = kafka_server(), free_port()
    one = line(kafka=server.address)
    one.start_worker(web_port=str(port), snapshot_interval_s="3600")
    eventually(lambda: asked(port, "/health/ready")[0] == 200, "the worker is ready")
    server.kill()
    eventually(lambda: asked(port, "/health/ready")[0] == 503, "it is not ready without Kafka")
    server.start()
    eventually(lambda: asked(port, "/health/ready")[0] == 200, "it is ready again")
    assert one.lost_workers() == []


def test_a_port_that_is_taken_is_said_with_its_setting(line: Callable[..., Line]) -> None:
    one = line()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = one.start_worker(web_port=str(taken.getsockname()[1]))
        assert one.wait_ended(worker) == 1
    assert "PLAUDIT_WEB_PORT" in one.logs()
    assert "Traceback" not in one.logs()
