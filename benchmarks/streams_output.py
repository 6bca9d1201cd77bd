"""Whether a Kafka Streams peer did its work: its finished conversations and counters beside the log."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from fastavro import parse_schema, schemaless_reader
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.settings.connection import ConnectionSettings

from benchmarks.streams_peer import EVENT_SCHEMA, SOURCES

_WAIT_S = 60.0
Records = Iterable[tuple[bytes, bytes]]
"""Keys and values of a topic's records."""


class Tally(NamedTuple):
    """What conversations add up to, in the order of the fields of counters.avsc."""

    conversations: int = 0
    messages: int = 0
    answers: int = 0
    latency_ms: int = 0
    feedback: int = 0
    likes: int = 0
    dislikes: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """The sum."""
        return Tally(*(one + another for one, another in zip(self, other, strict=True)))


Tallies = dict[str, Tally]
"""By the model's name, only of conversations that ended."""


def tallies_of_log(events: Iterable[Mapping[str, Any]]) -> Tallies:
    """What the log holds, read anew and independently of every peer."""
    by_model: defaultdict[str, Tally] = defaultdict(Tally)
    models: dict[str, str] = {}
    still_open: defaultdict[str, Tally] = defaultdict(Tally)
    for event in events:
        conversation = event["conversation_id"]
        name, body = event["body"]
        match name.rpartition(".")[2]:
            case "StartConversation":
                models[conversation] = (body.get("model") or {"id": ""})["id"]
            case "AddMessage":
                still_open[conversation] = still_open[conversation].plus(_message(body))
            case "UpdateMessage":
                still_open[conversation] = still_open[conversation].plus(_feedback(body))
            case "EndConversation":
                model = models.pop(conversation, "")
                ended = still_open.pop(conversation, Tally())._replace(conversations=1)
                by_model[model] = by_model[model].plus(ended)
    return dict(by_model)


def _message(body: Mapping[str, Any]) -> Tally:
    if body["role"] != "assistant":
        return Tally(messages=1)
    return Tally(messages=1, answers=1, latency_ms=body.get("latency_ms") or 0)


def _feedback(body: Mapping[str, Any]) -> Tally:
    value = body["feedback"].get("value")
    if value is None or not value[0].endswith("Thumb"):
        return Tally(feedback=1)
    return Tally(feedback=1, likes=int(value[1]["like"]), dislikes=int(not value[1]["like"]))


class Output:
    """Reads what a peer wrote, in the schemas beside its sources."""

    def __init__(self) -> None:
        named: dict[str, Any] = {}
        for path in (EVENT_SCHEMA, SOURCES / "conversation.avsc", SOURCES / "counters.avsc"):
            schema = parse_schema(json.loads(path.read_text(encoding="utf-8")), named_schemas=named)
            named = {**named, "last": schema}
            if path.stem == "conversation":
                self._conversation = schema
        self._counters = schema

    def tallies_of_finished(self, records: Records) -> tuple[Tallies, int]:
        """What the finished conversations add up to, and how many came more than once."""
        by_model: defaultdict[str, Tally] = defaultdict(Tally)
        seen: Counter[bytes] = Counter()
        for key, value in records:
            seen[key] += 1
            read: Any = schemaless_reader(BytesIO(value), self._conversation, None)
            sums = {name: read[name] for name in ("answers", "latency_ms", "likes", "dislikes")}
            one = Tally(
                conversations=1, messages=len(read["messages"]), feedback=len(read["feedback"]), **sums
            )
            model = (read["model"] or {"id": ""})["id"]
            by_model[model] = by_model[model].plus(one)
        return dict(by_model), sum(times - 1 for times in seen.values())

    def tallies_of_counters(self, records: Records) -> Tallies:
        """The sum of the last counters under each key: a key is a model, or a model and a partition."""
        last = dict(records)
        by_model: defaultdict[str, Tally] = defaultdict(Tally)
        for value in last.values():
            read: Any = schemaless_reader(BytesIO(value), self._counters, None)
            by_model[read["model"]] = by_model[read["model"]].plus(Tally(*(read[f] for f in Tally._fields)))
        return dict(by_model)


def problems(expected: Tallies, finished: Tallies, repeated: int, counters: Tallies) -> list[str]:
    """What is wrong with a peer's output, a sentence for each; nothing if it is right."""
    found = [f"{repeated:,} finished conversations came more than once"] if repeated else []
    for what, tallies in (("finished conversations", finished), ("counters", counters)):
        found += [
            f"the {what} of {model!r} come to {tallies.get(model)}, not {expected.get(model)}"
            for model in sorted(expected.keys() | tallies.keys())
            if tallies.get(model) != expected.get(model)
        ]
    return found


def check(connection: ConnectionSettings, expected: Tallies, finished: str, counters: str) -> None:
    """Wait until a peer's topics hold what the log came to.

    Raises:
        RuntimeError: they do not, a minute after the last event was folded.
    """
    output, deadline = Output(), time.monotonic() + _WAIT_S
    while True:
        tallies, repeated = output.tallies_of_finished(read_topic(connection, finished))
        wrong = problems(
            expected, tallies, repeated, output.tallies_of_counters(read_topic(connection, counters))
        )
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the peer's output is wrong: " + "; ".join(wrong))
        time.sleep(1)


def log_events(connection: ConnectionSettings, topic: str) -> Iterator[Mapping[str, Any]]:
    """The decoded events of a topic."""
    decoder = Decoder("conversation_event", sparse=True)
    return (decoder.decode(value) for _, value in read_topic(connection, topic))


def read_topic(connection: ConnectionSettings, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the committed records that a topic holds now."""
    ended: set[int | None] = set()
    consumer = Consumer(
        connection.kafka(
            **{"group.id": "benchmark", "enable.auto.commit": False, "enable.partition.eof": True}
        )
    )
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        while len(ended) < len(partitions):
            for message in consumer.consume(1000, timeout=1.0):
                if message.error() is None:
                    yield message.key() or b"", message.value() or b""
                else:  # the end of a partition
                    ended.add(message.partition())
    finally:
        consumer.close()
