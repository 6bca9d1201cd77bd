"""Bad input and faults on real servers: each with its stated behaviour."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.topics import EVENTS
from plaudit_stream_processors.fold import Rules

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
Make = Callable[..., Line]
_ENCODER = Encoder("conversation_event")


def _record(
    name: str, body: dict[str, Any], *, conversation: str = "c", ahead_s: int = 0
) -> tuple[bytes, bytes]:
    event = {
        "event_id": new_ulid(),
        "application": "acme",
        "conversation_id": conversation,
        "occurred_at": time.time_ns() // 1000 + ahead_s * 1_000_000,
        "source": "sdk",
        "body": (f"plaudit.v1.{name}", body),
    }
    return conversation_key("acme", conversation), _ENCODER.encode(event)


def _message(number: int, content: str, **more: Any) -> tuple[bytes, bytes]:
    body = {"message_id": f"m{number}", "role": "assistant", "content": content}
    return _record("AddMessage", body, **more)


def test_the_largest_message_and_one_over_it(line: Make) -> None:
    one = line()
    one.send([_record("StartConversation", {}), _message(1, "x" * 2**20), _message(2, "x" * (2**20 + 1))])
    one.send([_record("EndConversation", {"reason": "closed"})])
    one.start_worker()
    one.wait_folded()
    recounted = one.check_exact()
    assert list(recounted.refused.values()) == ["invalid"]
    (finished,) = recounted.finished.values()
    assert len(finished["messages"]) == 1


def test_a_conversation_of_ten_thousand_messages(line: Make) -> None:
    one = line()
    one.send([_record("StartConversation", {}), *(_message(n, "some words " * 5) for n in range(10_000))])
    one.send([_record("EndConversation", {"reason": "closed"})])
    one.start_worker()
    one.wait_folded()
    (finished,) = one.check_exact().finished.values()
    assert len(finished["messages"]) == 10_000


def test_a_clock_years_ahead_does_not_wipe_the_windows(line: Make) -> None:
    one = line()
    years = 5 * 365 * 86_400
    one.send([_message(1, "a"), _message(2, "b", ahead_s=years), _message(3, "c")])
    one.start_worker()
    one.wait_folded()
    cells = one.check_exact().buckets
    counted = sum(n for buckets in cells.values() for name, c in buckets.items() if name[:3] == "10m"
                  for cell, n in c.items() if cell.endswith("messages:assistant"))  # fmt: skip
    assert counted == 3


def test_late_events_of_an_expired_conversation_are_dead_letters(line: Make) -> None:
    one = line(settings={"state_retention_hours": "0.0001"})
    one.send(
        [_record("StartConversation", {}), _message(1, "a"), _record("EndConversation", {"reason": "closed"})]
    )
    one.start_worker()
    one.wait_folded()
    deadline = time.monotonic() + 0.5
    eventually(lambda: time.monotonic() > deadline, "the retention of 0.36 s is over")
    one.send([_message(2, "late"), _record("EraseConversation", {"reason": "asked"})])
    one.wait_folded()
    expected = one.check_exact(Rules(state_retention_ms=360))
    assert list(expected.refused.values()) == ["expired"]
    assert sorted(record.get("erased", False) for record in expected.finished.values()) == [False, True]


def test_idle_conversations_are_ended_by_the_sweeper(line: Make) -> None:
    one = line(settings={"idle_timeout_s": "1", "sweep_interval_s": "0.5"})
    one.send([_record("StartConversation", {}), _message(1, "a")])
    one.start_worker()
    eventually(lambda: sum(one.ends().values()) >= 3, "the sweeper ends it")
    one.wait_folded()
    (finished,) = one.check_exact().finished.values()
    assert finished["end_reason"] == "idle"


def test_another_number_of_partitions_is_refused(line: Make) -> None:
    one = line()
    one.send([_record("StartConversation", {})])
    worker = one.start_worker()
    one.wait_folded()
    assert one.end_worker(worker, signal.SIGTERM) == 0
    admin = AdminClient(one.connection.kafka())
    for name in (EVENTS, "plaudit.finished-conversations"):
        topic = one.connection.topic_prefix + name
        admin.create_partitions([NewPartitions(topic, 6)])[topic].result(timeout=60)

    def refused() -> bool:
        assert one.wait_ended(one.start_worker()) == 1
        return "6 partitions, but the state in Redis was begun with 4" in one.logs()

    eventually(refused, "the broker tells of the new partitions")


def test_a_topic_that_keeps_too_little_is_refused(line: Make) -> None:
    one = line(settings={"longest_open_hours": "100000"})
    assert one.wait_ended(one.start_worker()) == 1
    assert "raise retention.ms" in one.logs()


def test_redis_down_loses_nothing(line: Make, valkey_server: Callable[[], Any]) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    one.send(events(3000, open_conversations=100, start_us=time.time_ns() // 1000))
    worker = one.start_worker()
    one.wait_folded()
    server.stop()
    one.send(events(3000, open_conversations=100, seed=5, start_us=time.time_ns() // 1000))
    eventually(lambda: "waiting:" in one.logs(), "the worker waits")
    assert worker.poll() is None
    server.start()
    one.wait_folded()
    one.check_exact()


def test_redis_out_of_memory_loses_nothing(line: Make, valkey_server: Callable[[], Any]) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    one.send([_record("StartConversation", {})])
    one.start_worker()
    one.wait_folded()
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        one.send(events(3000, open_conversations=100, start_us=time.time_ns() // 1000))
        eventually(lambda: "waiting:" in one.logs(), "the worker waits")
        client.config_set("maxmemory", "0")
    one.wait_folded()
    one.check_exact()


def test_kafka_down_loses_nothing(line: Make, kafka_server: Callable[[], Any]) -> None:
    server = kafka_server()
    one = line(kafka=server.address)
    one.send(events(3000, open_conversations=100, start_us=time.time_ns() // 1000))
    one.start_worker()
    eventually(lambda: one.folded() > 0, "the worker works")
    server.kill()
    server.start()
    one.send(events(1000, open_conversations=50, seed=5, start_us=time.time_ns() // 1000))
    one.wait_folded()
    one.check_exact()


def test_state_lives_on_a_redis_cluster(line: Make, redis_cluster: str) -> None:
    one = line(redis=redis_cluster)
    one.send(events(3000, open_conversations=100, start_us=time.time_ns() // 1000))
    one.start_worker()
    one.wait_folded()
    one.check_exact()
