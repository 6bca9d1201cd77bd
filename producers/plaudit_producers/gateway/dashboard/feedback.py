"""Feedback as it comes in: the newest events of the log, for whoever looks on."""

from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition
from plaudit_schemas.codec import Decoder, Record
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import CodecError, ServiceUnavailableError
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

AT_ONCE = 300
"""Events decoded in one look; what is beyond them is skipped: the list is for people."""
_LONGEST_TEXT = 500
_VERDICTS = {"correct", "incorrect"}


class Seen(NamedTuple):
    """One feedback: what anybody may see of it, and what only its application's admin may."""

    application: str
    shown: dict[str, Any]
    private: dict[str, Any]


class FeedbackTail:
    """Reads the end of the events topic, without a group; nothing of it is promised to be complete."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._connection = connection
        self._decoder = Decoder("conversation_event", connection.schemas())
        self._consumer: Consumer | None = None
        self._places: list[TopicPartition] = []

    def poll(self) -> list[Seen]:
        """What has come since; blocks for a moment. Empty where Kafka does not answer."""
        try:
            consumer = self._consumer or self._connect()
            messages = consumer.consume(AT_ONCE, 0.05) if consumer else []
        except (KafkaException, ServiceUnavailableError):
            return []
        if consumer is not None and len(messages) == AT_ONCE:
            consumer.assign(self._places)  # behind: go on with the newest
        found = [self._seen(message.value()) for message in messages if message.error() is None]
        return [seen for seen in found if seen is not None]

    def close(self) -> None:
        """Leave Kafka."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _connect(self) -> Consumer | None:
        topic = self._connection.topic_prefix + EVENTS
        count = live_partitions(admin_of(self._connection), self._connection, timeout_s=5).get(topic, 0)
        if not count:
            return None
        self._places = [TopicPartition(topic, partition, OFFSET_END) for partition in range(count)]
        options = {"group.id": f"tail-{uuid4().hex}", "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer(self._connection.kafka(**options))
        self._consumer.assign(self._places)
        return self._consumer

    def _seen(self, value: bytes | None) -> Seen | None:
        try:
            return seen(self._decoder.decode(value or b""))
        except CodecError:
            return None


def seen(record: Record) -> Seen | None:
    """What the list shows of an event; None where it is no feedback."""
    name, body = record["body"]
    kind = name.rpartition(".")[2]
    shown: dict[str, Any] = {
        "at": record["occurred_at"],
        "application": record["application"],
        "source": record["source"],
    }
    private: dict[str, Any] = {"conversation": record["conversation_id"]}
    if kind == "CompareMessages":
        shown |= {"aspect": body["aspect"], "rater": body["rater"]["kind"], "what": "comparison"}
        private["text"] = _cut(body.get("comment"))
        return Seen(record["application"], shown, private)
    if kind != "UpdateMessage":
        return None
    feedback = body["feedback"]
    shown |= {"aspect": feedback["aspect"], "rater": feedback["rater"]["kind"], "what": _what(feedback)}
    private |= {"message": body.get("message_id"), "text": _cut(_text(feedback))}
    return Seen(record["application"], shown, private)


def _what(feedback: Record) -> str:
    """The value without anything that a person wrote."""
    if feedback.get("value") is None:
        return "withdrawn"
    name, value = feedback["value"]
    kind = str(name.rpartition(".")[2]).lower()
    if kind == "thumb":
        return "like" if value["like"] else "dislike"
    if kind == "number":
        return f"{value['number']:g} of {value['maximum']:g}"
    if kind == "signal":
        return str(value["name"])
    known = kind == "label" and set(value["labels"]) <= _VERDICTS
    return ", ".join(value["labels"]) if known else kind


def _text(feedback: Record) -> str | None:
    value: Record = (feedback.get("value") or ("", {}))[1]
    written = [value.get("text"), value.get("content"), *value.get("labels", ()), feedback.get("comment")]
    return "; ".join(text for text in written if text) or None


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ..."
