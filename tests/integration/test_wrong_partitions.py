"""Likes of a producer with another partitioner: refused, told, and mended by sending them again."""

import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_infra.servers.process import free_port
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.errors import WrongPartitionError
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL, DeadLetter
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS

from harness.waiting import eventually
from tests.integration.test_clocks import latest
from tests.stream_processors.builders import event, like
from tests.support.commands import run_command
from tests.support.health import metrics, wait_ready
from tests.support.line import Line
from tests.support.sinks import Sinks, rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

ENCODER = Encoder("conversation_event")
PARTITIONS = 4
CHATS = [f"c{number}" for number in range(40)]
QUICK = {"topic_check_s": "0.3", "snapshot_interval_s": "0.5", "worker_instance": "w"}
MEND = ("dead-letters", "--reason", "wrong_partition", "--send")
Record = tuple[bytes, bytes]


def _record(chat: str, made: dict[str, Any], event_id: str) -> Record:
    """An event of the application shop that was sent at once."""
    whole = {
        **made,
        "event_id": event_id,
        "application": "shop",
        "conversation_id": chat,
        "occurred_at": time.time_ns() // 1000,
        "held_ms": 0,
    }
    return conversation_key("shop", chat), ENCODER.encode(whole)


def _chat(chat: str) -> list[Record]:
    question = {"message_id": "q", "role": "user", "content": "what?"}
    answer = {"message_id": "a", "role": "assistant", "content": f"that, {chat}", "parent_id": "q"}
    return [
        _record(chat, event("StartConversation", {"model": {"id": "m"}, "consent": "granted"}), f"{chat}-s"),
        _record(chat, event("AddMessage", question), f"{chat}-q"),
        _record(chat, event("AddMessage", answer), f"{chat}-a"),
    ]


def _like(chat: str, name: str = "like", *, liked: bool = True) -> Record:
    return _record(chat, like("a", liked), f"{chat}-{name}")


def _end(chat: str) -> Record:
    return _record(chat, event("EndConversation", {"reason": "closed"}), f"{chat}-e")


def _send_by_default(one: Line, records: list[Record]) -> None:
    """Send as a producer does that was not told of our partitioner: librdkafka takes crc32 of the key."""
    producer = Producer({"bootstrap.servers": one.kafka})
    for key, value in records:
        producer.produce(one.connection.topic_prefix + EVENTS, value, key)
    assert producer.flush(60) == 0


def _misplaced(one: Line) -> list[str]:
    """The chats of the events that lie in a partition of others, as often as they do."""
    found = [record for record in one.log() if record.key]
    return [
        record.key.decode().partition("/")[2]
        for record in found
        if record.key is not None and record.partition != partition_of(record.key, PARTITIONS)
    ]


def _letters(one: Line) -> list[DeadLetter]:
    return [DeadLetter.read(record) for record in one.read(DEAD_LETTERS)]


def _gauge(port: int, name: str) -> float:
    """The value of a gauge of the letters in wrong partitions; -1 if there is none."""
    found = [text for text in metrics(port, name + "{") if 'reason="wrong_partition"' in text]
    return float(found[0].split()[-1]) if found else -1


def _wait_waiting(port: int, count: int) -> None:
    eventually(lambda: _gauge(port, "plaudit_waiting_letters") == count, f"{count} letters wait")


def _held(one: Line, chat: str) -> list[bool]:
    """The thumbs that hold in a chat."""
    code, printed = run_command(one, "conversation", f"shop/{chat}", "--json")
    assert code == 0, printed
    return [text == "true" for text in re.findall(r'"like": *(true|false)', printed)]


def test_likes_in_wrong_partitions_are_told_and_mended(
    line: Callable[..., Line], sinks: Callable[..., Sinks]
) -> None:
    one, port = line(settings=QUICK), free_port()
    one.start_worker(web_port=str(port))
    one.send([record for chat in CHATS for record in _chat(chat)])
    began = time.time()
    _send_by_default(one, [_like(chat) for chat in CHATS])
    one.wait_folded()
    wrong = _misplaced(one)
    assert 20 <= len(wrong) < 40, "crc32 and murmur2 agree on about a quarter of the keys"

    letters = _letters(one)
    assert [letter.refusal.reason for letter in letters] == [WrongPartitionError.reason] * len(wrong)
    _wait_waiting(port, len(wrong))
    first = _gauge(port, "plaudit_waiting_letters_first_timestamp_seconds")
    last = _gauge(port, "plaudit_waiting_letters_last_timestamp_seconds")
    deadline = _gauge(port, "plaudit_waiting_letters_deadline_timestamp_seconds")
    assert began - 5 < first <= last < time.time() + 5
    assert 14 * 86_400 <= deadline - first < 14 * 86_400 + 60, "the topic keeps letters for two weeks"
    _assert_audit_tells(one, len(wrong))

    # A restart forgets nothing: the gauges do not begin anew.
    one.end_worker(one.workers[0])
    one.start_worker(web_port=str(port))
    wait_ready(port)
    _wait_waiting(port, len(wrong))
    assert _gauge(port, "plaudit_waiting_letters_first_timestamp_seconds") == first
    assert _gauge(port, "plaudit_waiting_letters_deadline_timestamp_seconds") == deadline

    assert run_command(one, *MEND) == (0, f"{len(wrong)} records sent again\n")
    one.wait_folded()
    _wait_waiting(port, 0)
    assert _gauge(port, "plaudit_waiting_letters_deadline_timestamp_seconds") == 0
    assert len(_letters(one)) == len(wrong), "none was refused again"
    for record in one.log():
        if record.headers:
            assert [name for name, _ in record.headers] == [FIRST_ARRIVAL]
            assert record.key is not None
            assert record.partition == partition_of(record.key, PARTITIONS)
    one.check_exact()
    eventually(lambda: latest(one, 3600).get("satisfaction") == 40, "each like is in the figures, once", 60)
    assert latest(one, 3600)["skewed"] is False

    _assert_rows(one, sinks(one))
    assert run_command(one, *MEND)[0] == 0, "sending them twice is harmless"
    one.wait_folded()
    one.check_exact()
    assert run_command(one, "audit", "--without-rows")[0] == 0


def _assert_audit_tells(one: Line, wrong: int) -> None:
    code, printed = run_command(one, "audit", "--without-rows")
    assert code == 1
    assert re.search(rf"refused: wrong_partition +{wrong}\n", printed)
    told = re.findall(r"DIFFERENCE wrong partition, partition \d, .*: (\d+) events are not of this", printed)
    assert sum(map(int, told)) == wrong
    assert printed.count("DIFFERENCE") == len(told), "nothing else differs"


def _assert_rows(one: Line, written: Sinks) -> None:
    """Every chat has a row, with a like, once."""
    one.send([_end(chat) for chat in CHATS])
    one.wait_folded()
    written.once()
    ended = rows(Path(written.output), "conversations")
    found = [row["conversation_id"] for row in ended]
    liked = [row["conversation_id"] for row in ended for item in row["feedback"] if item["thumb"]]
    assert sorted(found) == sorted(liked) == sorted(CHATS)
    code, printed = run_command(one, "audit", "--output", written.output)
    assert code == 0, printed


def test_a_word_that_is_sent_again_keeps_its_place_among_the_others(line: Callable[..., Line]) -> None:
    """A later dislike of the same person still holds, and an earlier one does not."""
    one = line(settings=QUICK)
    one.start_worker()
    chats = [chat for chat in CHATS if _goes_wrong(chat)][:8]
    earlier, later = chats[:4], chats[4:]
    one.send([record for chat in chats for record in _chat(chat)])
    one.send([_like(chat, "before", liked=False) for chat in later])
    _send_by_default(one, [_like(chat) for chat in chats])
    one.send([_like(chat, "after", liked=False) for chat in earlier])
    one.wait_folded()
    assert sorted(_misplaced(one)) == sorted(chats)
    assert [_held(one, chat) for chat in chats] == [[False]] * 8
    assert run_command(one, *MEND)[0] == 0
    one.wait_folded()
    assert [_held(one, chat) for chat in earlier] == [[False]] * 4
    assert [_held(one, chat) for chat in later] == [[True]] * 4
    one.check_exact()
    assert run_command(one, "audit", "--without-rows")[0] == 0


def test_records_without_the_key_of_their_event_are_invalid_wherever_they_lie(
    line: Callable[..., Line],
) -> None:
    """They are no likes in a wrong partition: sending them again would not help, so nothing waits."""
    one, port = line(settings=QUICK), free_port()
    one.start_worker(web_port=str(port))
    one.send(_chat("c0"))
    topic = one.connection.topic_prefix + EVENTS
    key, value = _like("c0")
    foreign = [None, b"", b"shop/C0", b"shop/c0 ", b"c0", b"other/c0", b"\xff"]
    for number, wrong in enumerate(foreign):
        one.producer.produce(topic, value, wrong, partition=number % PARTITIONS)
    one.producer.produce(topic, value, b"shop/C0")  # to the partition of that key, by murmur2
    for partition in range(PARTITIONS):
        one.producer.produce(topic, value, key, partition=partition)
    assert one.producer.flush(60) == 0
    one.wait_folded()
    reasons = [letter.refusal.reason for letter in _letters(one)]
    assert (reasons.count("invalid"), reasons.count("wrong_partition")) == (8, 3)
    _wait_waiting(port, 3)
    assert _held(one, "c0") == [True], "the one in its own partition counts"
    assert run_command(one, *MEND, "--limit", "1") == (0, "1 records sent again\n")
    _wait_waiting(port, 2)
    assert run_command(one, *MEND, "--since", "2020-01-01") == (0, "3 records sent again\n")
    one.wait_folded()
    assert _gauge(port, "plaudit_waiting_letters") == 2, "older ones may be left, so nothing is recorded"
    assert run_command(one, *MEND) == (0, "3 records sent again\n")
    one.wait_folded()
    _wait_waiting(port, 0)
    assert (_held(one, "c0"), len(_letters(one))) == ([True], 11), "repeats are no letters"
    one.check_exact()
    assert run_command(one, "audit", "--without-rows")[0] == 0


def _goes_wrong(chat: str) -> bool:
    """Whether librdkafka's default partitioner takes another partition than ours."""
    key = conversation_key("shop", chat)
    return zlib.crc32(key) % PARTITIONS != partition_of(key, PARTITIONS)
