"""A scorer whose topic loses records, or is made anew; and models that are given more than the answer."""

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.topics import EVENTS

from harness.events import events
from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.health import metrics, wait_ready
from tests.support.line import Line
from tests.support.scorers import Scorers, once
from tests.support.topics import delete_before, make_anew

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def scored(line: Callable[..., Line]) -> Iterator[tuple[Line, Scorers]]:
    """A line with one partition and a worker, and a published model."""
    one = line(partitions=1)
    scoring = Scorers(one)
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    yield one, scoring
    scoring.stop()


def some_events(count: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    return list(events(count, open_conversations=10, seed=seed, start_us=time.time_ns() // 1000))


def chat(conversation: str, *messages: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """The events of a conversation with these messages."""
    encoder, made = Encoder("conversation_event"), []
    for number, body in enumerate(messages):
        record = {
            "event_id": f"{conversation}-{number}",
            "application": "acme",
            "conversation_id": conversation,
            "occurred_at": time.time_ns() // 1000,
            "source": "sdk",
            "body": ("plaudit.v1.AddMessage", body),
        }
        made.append((conversation_key("acme", conversation), encoder.encode(record)))
    return made


def chats(name: str, count: int) -> list[tuple[bytes, bytes]]:
    """So many conversations of one question and one answer each."""
    turns = (
        {"message_id": "q", "role": "user", "content": "please", "parent_id": ""},
        {"message_id": "a", "role": "assistant", "content": "thanks", "parent_id": "q"},
    )
    return [record for number in range(count) for record in chat(f"{name}-{number}", *turns)]


def test_scoring_goes_on_behind_records_that_were_deleted(scored: tuple[Line, Scorers]) -> None:
    one, scoring = scored
    first = scoring.start()
    one.send(chats("first", 10))
    scoring.wait_scored()
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    position = one.ends()[0]
    one.send(chats("lost", 10) + chats("late", 10))
    one.wait_folded()
    delete_before(one.connection, EVENTS, 0, position + 20)
    scoring.start()
    one.send(chats("new", 10))
    scoring.wait_scored()
    (deleted,) = metrics(scoring.port(), "plaudit_scorer_deleted_records_total ")
    assert float(deleted.split()[-1]) == 20
    scored_chats = {score.conversation_id for score in scoring.sent()}
    assert scored_chats == {f"{name}-{number}" for name in ("late", "new") for number in range(10)}


def test_offsets_of_a_topic_before_it_was_made_anew_do_not_count(scored: tuple[Line, Scorers]) -> None:
    one, scoring = scored
    running = scoring.start()
    one.send(some_events(150))
    scoring.wait_scored()
    one.end_worker(one.workers[-1], signal.SIGTERM)
    make_anew(one.connection, EVENTS)
    assert running.wait(60) == 1, scoring.logs()
    assert "was made anew" in scoring.logs()
    refused = scoring.start()
    assert refused.wait(60) == 1
    assert "plaudit state reset" in scoring.logs()
    eventually(lambda: run_command(one, "state", "reset", "--yes")[0] == 0, "the state is reset")
    one.start_worker()
    one.send(some_events(60, seed=5))
    scoring.start()
    wait_ready(scoring.port())
    scoring.wait_scored()
    assert once(scoring.sent()).keys() == {
        (score.conversation_id, score.message_id) for score in scoring.sent()
    }
    assert scoring.sent()[0].partition == 0


def test_a_model_gets_what_its_manifest_asks_for(scored: tuple[Line, Scorers]) -> None:
    one, scoring = scored
    words = {"please": 1.0, "thanks": 1.0, "rude": -2.0}
    scoring.publish("2", words, input="exchange", delay_ms=1)
    scoring.start()
    wait_ready(scoring.port())
    turns = (
        {"message_id": "q", "role": "user", "content": "please", "parent_id": ""},
        {"message_id": "a", "role": "assistant", "content": "thanks", "parent_id": "q"},
        {"message_id": "q2", "role": "user", "content": "rude", "parent_id": "a"},
        {"message_id": "a2", "role": "assistant", "content": "thanks", "parent_id": "q2", "status": "cut"},
        {"message_id": "a2", "role": "assistant", "content": "thanks thanks", "parent_id": "q2"},
    )
    one.send(chat("exchange", *turns))
    scoring.wait_scored()
    scoring.publish("3", words, input="history", delay_ms=1)
    one.send(chat("history", *turns))
    scoring.wait_scored()
    found = {place: (score.version, score.number) for place, score in once(scoring.sent()).items()}
    assert found == {
        ("exchange", "a"): ("2", 0.881),  # the sigmoid of 2
        ("exchange", "a2"): ("2", 0.5),  # rude thanks thanks
        ("history", "a"): ("3", 0.881),
        ("history", "a2"): ("3", 0.881),  # please thanks rude thanks thanks
    }
