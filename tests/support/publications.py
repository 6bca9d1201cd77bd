"""Model manifests that need no model, and a log of events with the broker's times."""

from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer
from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS


def manifest(version: str = "1", name: str = "polite", **fields: Any) -> ModelManifest:
    """The manifest of a model; its files are not there."""
    return ModelManifest.model_validate(
        {
            "name": name,
            "version": version,
            "input": "answer",
            "max_tokens": 128,
            "output": "reward",
            "licence": "Apache-2.0",
            "files": {"model.onnx": "0" * 64},
            "canaries": [{"text": "Thank you, Ada!", "score": 0.9}],
            "created_at": datetime(2026, 11, 26, tzinfo=UTC),
            "created_by": "tests",
            **fields,
        }
    )


def sha256_of(version: str) -> str:
    """A hash that stands for the folder of a version."""
    return version.encode().hex().rjust(64, "0")


def write_event(connection: ConnectionSettings, partition: int = 0) -> int:
    """Write a record to the events topic, and return the broker's timestamp."""
    answers: list[Any] = []
    producer = Producer(connection.kafka())
    producer.produce(
        connection.topic_prefix + EVENTS, b"", b"k", partition=partition,
        on_delivery=lambda error, message: answers.append((error, message)),
    )  # fmt: skip
    assert producer.flush(30) == 0
    error, message = answers[0]
    assert error is None
    return int(message.timestamp()[1])
