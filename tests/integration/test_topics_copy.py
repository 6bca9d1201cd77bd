"""More partitions: what a line does when they are added under it, and the way that is documented."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_infra.audit.report import text
from plaudit_infra.audit.run import audit
from plaudit_infra.servers.process import free_port
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import PARTITIONER, conversation_key, partition_of
from plaudit_schemas.errors import TopicError
from plaudit_schemas.kafka import copying
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, FINISHED
from plaudit_schemas.topics.admin import admin_of, live_config
from plaudit_stream_processors.worker.settings import WorkerSettings

from tests.support.commands import run_command
from tests.support.health import wait_unready
from tests.support.line import Line
from tests.support.publications import manifest, sha256_of
from tests.support.sinks import Sinks
from tests.support.topics import add_partitions

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

CHATS = 40
_ENCODER, _FINISHED = Encoder("conversation_event"), Decoder("finished_conversation")


@pytest.fixture
def lines(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Any]:
    """Makes lines, each with a folder of its own, and stops their workers."""
    made: list[Line] = []

    def make(**options: Any) -> Line:
        folder = tmp_path / f"line{len(made)}"
        folder.mkdir()
        made.append(Line(kafka, valkey, folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop_workers()


def _step(chat: int, number: int, name: str, body: dict[str, Any]) -> tuple[bytes, bytes]:
    record = {
        "event_id": f"{chat}-{number}",
        "application": "acme",
        "conversation_id": f"chat-{chat}",
        "occurred_at": time.time_ns() // 1000,
        "source": "sdk",
        "body": (f"plaudit.v1.{name}", body),
    }
    return conversation_key("acme", f"chat-{chat}"), _ENCODER.encode(record)


def _begin(chat: int) -> list[tuple[bytes, bytes]]:
    question = {"message_id": "q", "role": "user", "content": f"question {chat}"}
    return [_step(chat, 0, "StartConversation", {}), _step(chat, 1, "AddMessage", question)]


def _end(chat: int) -> list[tuple[bytes, bytes]]:
    answer = {"message_id": "a", "parent_id": "q", "role": "assistant", "content": f"answer {chat}"}
    return [
        _step(chat, 2, "AddMessage", answer),
        _step(chat, 3, "EndConversation", {"reason": "closed"}),
    ]


def _finished(one: Line) -> dict[str, int]:
    """Conversation -> its number of messages, of every finished conversation."""
    contents = [_FINISHED.decode(record.value or b"") for record in one.read(FINISHED)]
    return {content["conversation_id"]: len(content["messages"]) for content in contents}


def _new_producer(one: Line) -> Producer:
    """A producer that started after the change, and takes the new number of partitions."""
    return Producer(one.connection.kafka(partitioner=PARTITIONER))


def test_chats_that_partitions_were_added_under_finish_whole_in_new_topics(lines: Any) -> None:
    one, port = lines(settings={"topic_check_s": "0.3"}), free_port()
    worker = one.start_worker(web_port=str(port))
    one.send(step for chat in range(CHATS) for step in _begin(chat))
    one.wait_folded()
    for topic in (EVENTS, FINISHED):
        add_partitions(one.connection, topic, 6)
    wait_unready(port, "partitions")
    one.producer = _new_producer(one)
    one.send(step for chat in range(CHATS) for step in _end(chat))
    keys = [conversation_key("acme", f"chat-{chat}") for chat in range(CHATS)]
    moved = sum(partition_of(key, 4) != partition_of(key, 6) for key in keys)
    assert moved > CHATS // 4, "there are chats whose second half is elsewhere"
    wait_unready(port, "partitions")
    assert _finished(one) == {}, "no chat was ended incomplete"
    with ModelRegistry(one.connection) as registry:
        published = registry.publish(manifest(), sha256_of("1"), "/models/1")

    to_prefix = one.connection.topic_prefix + "six."
    assert run_command(one, "topics", "copy", "--to-prefix", to_prefix, "--partitions", "6")[0] == 0
    assert one.end_worker(worker, signal.SIGTERM) == 0
    finish = ["topics", "copy", "--to-prefix", to_prefix, "--partitions", "6", "--finish"]
    code, told = run_command(one, *finish)
    assert code == 0, told

    six = lines(partitions=6, prefix=to_prefix)
    six.start_worker()
    six.wait_folded()
    six.check_exact()
    with ModelRegistry(six.connection) as registry:
        assert registry.activations("polite").newest == published
    assert _finished(six) == {f"chat-{chat}": 2 for chat in range(CHATS)}
    output = six.folder / "out"
    Sinks(six.connection, six.folder, str(output)).once()
    report = audit(six.connection, WorkerSettings(), str(output))
    assert (report.balanced, report.pending) == (True, []), text(report)
    assert report.totals()["rows: conversations"] == CHATS


def _everything(connection: ConnectionSettings) -> list[KafkaRecord]:
    with TopicReader(connection, EVENTS) as reader:
        return [
            record
            for partition in reader.partitions()
            for record in reader.records(partition, *reader.ends(partition))
        ]


def test_a_copy_keeps_bytes_headers_times_and_the_order_of_each_key(
    lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut off in the middle and goes on; nothing is there twice."""
    one = lines(partitions=3)
    topic = one.connection.topic_prefix + EVENTS
    producer = Producer(one.connection.kafka(partitioner=PARTITIONER))
    for number in range(500):
        headers: list[tuple[str, str | bytes | None]] = [("trace", b"%d" % number), ("empty", None)]
        producer.produce(topic, b"value %d" % number, b"acme/%d" % (number % 20), headers=headers)
        if number % 50 == 0:
            assert producer.flush(30) == 0
    producer.produce(topic, None, b"acme/3")
    producer.produce(topic, b"no key", None)
    assert producer.flush(30) == 0
    target = one.connection.model_copy(
        update={"topic_prefix": one.connection.topic_prefix + "new.", "partitions": 7}
    )
    monkeypatch.setattr(copying, "_AT_ONCE", 40)

    class _CutOffError(Exception):
        pass

    def cut_off(records: int) -> None:
        if records >= 160:
            raise _CutOffError

    with pytest.raises(_CutOffError):
        copying.copy_events(one.connection, target, finish=False, on_progress=cut_off)
    result = copying.copy_events(one.connection, target, finish=True)
    assert 0 < result.records < 502

    old, new = _everything(one.connection), _everything(target)
    assert len(new) == len(old) == 502

    def content(record: KafkaRecord) -> tuple[Any, ...]:
        return record.key, record.value, tuple(record.headers), record.timestamp

    assert sorted(map(repr, map(content, new))) == sorted(map(repr, map(content, old)))
    for key in {record.key for record in old if record.key is not None}:
        assert [content(each) for each in new if each.key == key] == [
            content(each) for each in old if each.key == key
        ]
        assert {each.partition for each in new if each.key == key} == {partition_of(key, 7)}
    config = live_config(admin_of(target), target.topic_prefix + EVENTS)
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["retention.ms"] == "1209600000"


def test_a_copy_refuses_what_it_would_spoil(lines: Any) -> None:
    one = lines(partitions=2)
    one.send(step for chat in range(5) for step in _begin(chat))
    target = one.connection.model_copy(
        update={"topic_prefix": one.connection.topic_prefix + "new.", "partitions": 3}
    )
    copying.copy_events(one.connection, target, finish=True)
    one.send(_end(1))
    with pytest.raises(TopicError, match="is finished, and 2 events arrived"):
        copying.copy_events(one.connection, target, finish=True)
    other = lines(partitions=2)
    with pytest.raises(TopicError, match="exists already and is no copy"):
        copying.copy_events(one.connection, other.connection, finish=False)
    code, told = run_command(one, "topics", "copy", "--to-prefix", one.connection.topic_prefix)
    assert (code, "choose another" in told) == (1, True)
    code, told = run_command(one, "topics", "copy", "--to-prefix", "not a prefix")
    assert (code, "--to-prefix" in told) == (1, True)


def test_an_unfinished_copy_is_refused_by_workers(lines: Any) -> None:
    one = lines(partitions=2)
    one.send(step for chat in range(5) for step in _begin(chat))
    target = one.connection.model_copy(
        update={"topic_prefix": one.connection.topic_prefix + "new.", "partitions": 3}
    )
    copying.copy_events(one.connection, target, finish=False)
    six = lines(partitions=3, prefix=target.topic_prefix)
    assert six.wait_ended(six.start_worker()) == 1
    assert "message.timestamp.type" in six.logs()
