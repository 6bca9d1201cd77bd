"""`plaudit dead-letters` over what a worker refused."""

import json
import time
from collections.abc import Callable

import pytest
from plaudit_infra.main import main
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL, DeadLetter
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def test_what_was_refused_is_listed_and_sent_again(
    line: Callable[..., Line], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line()
    ((_, value),) = events(1, start_us=time.time_ns() // 1000)
    key = conversation_key("bench", "none")
    one.send([(key, b"garbage"), (key, value), (key, b"\0\x3b\x9a\xca\0!")])
    one.start_worker()
    one.wait_folded()
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", one.kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", one.connection.topic_prefix)
    assert main(["dead-letters", "--json"]) == 0
    listed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert sorted(letter["reason"] for letter in listed) == ["bad_magic", "invalid", "truncated"]
    assert {letter["value"] for letter in listed} == {b"garbage".hex(), value.hex(), "003b9aca0021"}
    assert {letter["key"] for letter in listed} == {"bench/none"}

    assert main(["dead-letters", "--reason", "bad_magic", "--since", "2020-01-01"]) == 0
    shown = capsys.readouterr()
    assert "bad_magic" in shown.out
    assert "truncated" not in shown.out
    assert "1 dead letters: 1 bad_magic" in shown.err
    assert main(["dead-letters", "--since", "2999-01-01"]) == 0
    assert "0 dead letters" in capsys.readouterr().err

    assert main(["dead-letters", "--reason", "bad_magic", "--send"]) == 0
    assert "1 records sent again" in capsys.readouterr().out
    one.wait_folded()
    eventually(lambda: sum(1 for _ in one.read(DEAD_LETTERS)) == 4, "it was refused again")
    one.check_exact()


@pytest.mark.slow
def test_the_headers_of_a_record_are_kept_and_come_back_when_it_is_sent_again(
    line: Callable[..., Line], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own: list[tuple[str, str | bytes | None]]
    own = [("trace", b"\xff\x00"), ("trace", b"2"), ("reason", b"mine"), ("headers", b"1"), ("none", None)]
    one = line()
    topic = one.connection.topic_prefix + EVENTS
    one.producer.produce(topic, b"garbage", b"bench/none", headers=own)
    one.producer.produce(topic, b"\0\0\0\0\x07", b"bench/none")
    assert one.producer.flush(60) == 0
    one.start_worker()
    one.wait_folded()
    letters = {letter.record.value: letter for letter in map(DeadLetter.read, one.read(DEAD_LETTERS))}
    assert list(letters[b"garbage"].record.headers) == own
    assert letters[b"garbage"].refusal.reason == "bad_magic"
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", one.kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", one.connection.topic_prefix)
    assert main(["dead-letters", "--json", "--reason", "bad_magic"]) == 0
    shown = json.loads(capsys.readouterr().out)["headers"]
    assert shown == [[name, value.hex() if isinstance(value, bytes) else None] for name, value in own]
    assert main(["dead-letters", "--send"]) == 0
    one.wait_folded()
    logged = [list(record.headers) for record in one.log() if record.value == b"garbage"]
    first_ms = letters[b"garbage"].record.timestamp
    assert logged == [own, [*own, (FIRST_ARRIVAL, str(first_ms).encode())]]
    again = [DeadLetter.read(record) for record in one.read(DEAD_LETTERS)]
    assert [list(each.record.headers) for each in again if each.record.value == b"garbage"] == logged


def test_a_time_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dead-letters", "--since", "yesterday"]) != 0
    assert "yesterday" in capsys.readouterr().err
