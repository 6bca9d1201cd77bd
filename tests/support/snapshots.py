"""Generated metric snapshots, produced to the topic as a worker does."""

import math
import random
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import METRICS

WINDOWS = {"1m": 60, "5m": 300, "1h": 3600, "24h": 86_400}
SECOND = 1_000_000


def figure(name: str, value: float, count: int, half: float = 0.0, **dimensions: str) -> dict[str, Any]:
    """One figure. `half` is half the width of its interval."""
    interval = {"low": value - half, "high": value + half} if half else {"low": None, "high": None}
    error = half / 1.96 if half else None
    defaults = {"rater_kind": "", "scale": "", "level": "", "voters": count}
    fixed = {"name": name, "value": value, "count": count, "standard_error": error}
    return {**fixed, **interval, **defaults, **dimensions}


def record(
    model: str, at: int, window: int, satisfaction: float, *, votes: int, seed: int = 1
) -> dict[str, Any]:
    """A snapshot of one series, with every figure that the dashboard shows."""
    rng = random.Random(f"{model} {at // (10 * SECOND)} {seed}")
    answers, name, _, version = votes * 20, *model.partition(" ")
    user = {"rater_kind": "user", "scale": "thumb", "level": "message"}
    reviewer = {"rater_kind": "reviewer", "level": "message"}
    share = min(0.98, satisfaction / 5.4)
    slow = 0.8 + (5 - satisfaction) / 2
    return {
        "window_seconds": window,
        "at": at,
        "application": "shop",
        "model": name,
        "model_version": version,
        "variant": "",
        "source": "sdk",
        "immature": window < 3600,
        "figures": [
            figure("satisfaction", satisfaction + rng.gauss(0, 0.03), votes, 2.6 / math.sqrt(votes), **user),
            figure("satisfied", share, votes, 0.5 / math.sqrt(votes), **user),
            figure("accuracy", share, votes // 2, 0.9 / math.sqrt(votes), **reviewer),
            figure("precision", min(1.0, share + 0.02), votes // 2, 0.9 / math.sqrt(votes), **reviewer),
            figure("coverage", 0.05 + rng.gauss(0, 0.002), answers, 0.006),
            figure("ignore_rate", 0.08 + (5 - satisfaction) / 30, answers, 0.008),
            figure("regeneration_rate", 0.03 + (5 - satisfaction) / 40, answers, 0.005),
            *(
                figure(f"response_latency_ms_p{q}", slow * factor * 1000 + rng.gauss(0, 20), answers)
                for q, factor in ((50, 1.0), (95, 2.6), (99, 4.0))
            ),
            figure("messages_assistant", answers, answers),
        ],
    }


def publish(connection: ConnectionSettings, records: Iterable[dict[str, Any]]) -> int:
    """Produce snapshots. Returns their number."""
    producer, encoder, count = (
        Producer(connection.kafka(**{"enable.idempotence": True})),
        Encoder("metric_snapshot"),
        0,
    )
    for one in records:
        key = f"{one['window_seconds']}|{one['model']}|{one['model_version']}".encode()
        producer.produce(connection.topic_prefix + METRICS, encoder.encode(one), key)
        producer.poll(0)
        count += 1
    assert producer.flush(60) == 0
    return count


def now_us() -> int:
    """The current time in microseconds since 1970."""
    return time.time_ns() // 1000
