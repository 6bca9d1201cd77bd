"""A finished conversation that Kafka refuses: nothing may follow it, or a sink would drop it as a repeat."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.topics import FINISHED

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.sinks import Sinks, rows
from tests.support.topics import alter_topic

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]
BROKERS_DEFAULT = 1_048_588
_ENCODER = Encoder("conversation_event")


def _chat(name: str, texts: list[str]) -> Iterator[tuple[bytes, bytes]]:
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("StartConversation", {"consent": "granted"}),
        *(
            ("AddMessage", {"message_id": f"m{at}", "role": "assistant", "content": text})
            for at, text in enumerate(texts)
        ),
        ("EndConversation", {"reason": "closed"}),
    ]
    for body, fields in bodies:
        event = {
            "event_id": new_ulid(), "application": "acme", "conversation_id": name, "source": "sdk",
            "occurred_at": time.time_ns() // 1000, "body": (f"plaudit.v1.{body}", fields),
        }  # fmt: skip
        yield conversation_key("acme", name), _ENCODER.encode(event)


def _limit(one: Line, largest: int) -> None:
    alter_topic(one.connection, FINISHED, "max.message.bytes", str(largest))


def test_what_kafka_refuses_ends_the_worker_before_anything_follows(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, rng = line(partitions=1), random.Random(1)
    worker = one.start_worker()
    eventually(lambda: "started" in one.logs(), "the worker has looked at its topics")
    _limit(one, BROKERS_DEFAULT)
    large = [rng.randbytes(350_000).hex() for _ in range(3)]
    chats = [("before", ["a"]), ("large", large), *((f"after{number}", ["a"]) for number in range(20))]
    one.send(record for name, texts in chats for record in _chat(name, texts))
    assert one.wait_ended(worker) == 1
    assert len(list(one.read(FINISHED))) <= 1
    assert "raise the topic's max.message.bytes" in one.logs()
    assert "Message size too large" in one.logs()
    assert one.wait_ended(one.start_worker()) == 1
    assert f"takes records of at most {BROKERS_DEFAULT} bytes" in one.logs()
    _limit(one, 64 << 20)
    one.start_worker()
    one.wait_folded()
    sinks(one).once()
    found = [row["conversation_id"] for row in rows(tmp_path / "out", "conversations")]
    assert found == [name for name, _ in chats]
