"""The SDK's rate for typed events, beside bare confluent-kafka producing the same bytes in the same run.

- *calls*: events a second of wall time until the caller's last call returns.
- *core*: events a second of processor time of the whole process with all its threads. It does not depend on
  other load on the machine.
- *acked*: events a second of wall time until Kafka has acknowledged everything.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from plaudit_producers import FeedbackProducer
from plaudit_producers.sdk.options import ProducerOptions
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from benchmarks.report import Row, row
from benchmarks.stage import kafka_alone

EVENTS_EACH = 66_000
TEXT = "The parcel left our house this morning 😀 and will be with you tomorrow. " * 4
CHAT_EVENTS = 11

Rates = dict[str, float]


def chats(producer: FeedbackProducer, events: int) -> None:
    """Send chats that each have a start, four turns, a like and an end."""
    for number in range(events // CHAT_EVENTS):
        chat = producer.start_conversation(f"chat-{number}", model="answerer-2", user_id="u-1")
        for _ in range(4):
            chat.add_message("user", TEXT[:120])
            answer = chat.add_message("assistant", TEXT, latency_ms=812)
        chat.like(answer)
        chat.end()


def measured(events: int, call: Callable[[], object], flush: Callable[[], object]) -> Rates:
    wall, processor = time.perf_counter(), time.process_time()
    call()
    called = time.perf_counter()
    flush()
    return {
        "calls": events / (called - wall),
        "core": events / (time.process_time() - processor),
        "acked": events / (time.perf_counter() - wall),
    }


def sdk(settings: ConnectionSettings, events: int, **options: Any) -> Rates:
    with FeedbackProducer(
        "bench", connection=settings, when_full="block", block_timeout_s=None, **options
    ) as producer:
        producer.conversation("warm").end()  # connects to Kafka, which is not measured
        assert producer.flush(60) == 0
        rates = measured(events, lambda: chats(producer, events), lambda: producer.flush(120))
        assert producer.stats().delivered == events + 1
        return rates


def bare(settings: ConnectionSettings, messages: list[tuple[bytes, bytes]]) -> Rates:
    """The rates of confluent-kafka with the SDK's settings and a callback that counts."""
    delivered = 0

    def count(error: object, _: object) -> None:
        nonlocal delivered
        assert error is None
        delivered += 1

    producer: Any = Producer(
        {
            **ProducerOptions().kafka(), **settings.kafka(), "enable.idempotence": True, "acks": "all",
            "partitioner": "murmur2_random",
        }
    )  # fmt: skip
    topic = settings.topic_prefix + EVENTS
    producer.produce(topic, b"", b"warm", on_delivery=count)
    producer.flush(60)

    def call() -> None:
        for number, (key, value) in enumerate(messages):
            while True:
                try:
                    producer.produce(topic, value, key, on_delivery=count)
                    break
                except BufferError:
                    producer.poll(0.1)
            if number % 1000 == 0:
                producer.poll(0)

    rates = measured(len(messages), call, lambda: producer.flush(120))
    assert delivered == len(messages) + 1
    return rates


def measure(
    settings: ConnectionSettings, spool: Path, *, events: int = EVENTS_EACH, repetitions: int = 3
) -> dict[str, list[Rates]]:
    """The rates of each case, one for each repetition. The cases take turns."""
    recorder = InMemoryProducer("bench")
    chats(recorder, events)
    messages = recorder.messages
    found: dict[str, list[Rates]] = {"sdk": [], "sdk, spool": [], "bare confluent-kafka": []}
    for _ in range(repetitions):
        found["sdk"].append(sdk(settings, events))
        found["sdk, spool"].append(sdk(settings, events, spool_dir=spool))
        found["bare confluent-kafka"].append(bare(settings, messages))
    return found


def run(repetitions: int) -> list[Row]:
    """The rows of *core* and *acked* of each case, beside those of bare confluent-kafka."""
    with kafka_alone("bench-sdk") as (settings, folder):
        found = measure(settings, folder / "spool", repetitions=repetitions)
    rows = []
    for what in ("core", "acked"):
        bare = (f"bare confluent-kafka, {what}", [each[what] for each in found["bare confluent-kafka"]])
        for case, rates in found.items():
            values = [each[what] for each in rates]
            rows.append(row(f"{case}, {what}", "events/s", values, None if case.startswith("bare") else bare))
    return rows
