"""A conversation's history is read in bounded pieces, and agrees with the command at every event."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_stream_processors.fold import Rules, RulesHistory
from plaudit_stream_processors.queries import log_history
from plaudit_stream_processors.queries.as_of import Until, state_as_of
from plaudit_stream_processors.queries.display import document_of
from plaudit_stream_processors.queries.log_history import ConversationHistory

from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

_OTHERS = 3_000


@pytest.fixture
def line(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Line]:
    one = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=1)
    yield one
    one.stop_workers()


def _history(line: Line, since_ms: int | None = None, name: str = "mine") -> ConversationHistory:
    return ConversationHistory(line.connection, Rules(), RulesHistory(), "shop", name, since_ms)


def _talk(line: Line, *, others: int = 0) -> None:
    with FeedbackProducer("shop", connection=line.connection, when_full="block") as producer:
        chat = producer.start_conversation("mine", user_id="u1")
        chat.add_message("user", "Hello", message_id="q")
        for number in range(others):
            producer.conversation(f"other{number % 7}").like("a")
        chat.add_message("assistant", "Hi", message_id="a")
        chat.add_message("assistant", "Hi", message_id="a", status="complete", metadata={"k": "v"})
        chat.like("a")
        chat.withdraw("a", "thumb")
        chat.end()


def test_it_agrees_with_the_command_at_every_event(line: Line) -> None:
    _talk(line, others=20)
    history = _history(line)
    history.read(60)
    events = history.events()
    assert [event.body for event in events] == [
        "StartConversation", "AddMessage", "AddMessage", "AddMessage", "UpdateMessage", "UpdateMessage",
        "EndConversation",
    ]  # fmt: skip
    assert [event.refused is None for event in events] == [True, True, True, False, True, True, True]
    assert (events[3].refused or "").startswith("conflict: ")
    for event in events:
        until = Until(event.offset, None)
        expected = state_as_of(line.connection, Rules(), RulesHistory(), "shop", "mine", until)
        assert document_of(history.state_at(event.offset)) == document_of(expected)


def test_a_reading_is_bounded_and_goes_on_where_it_stopped(line: Line) -> None:
    _talk(line, others=_OTHERS)
    history = _history(line)
    ticks = count()
    progress = []
    while not history.progress().whole:
        history.read(0.5, clock=lambda: float(next(ticks)))
        progress.append(history.progress().read)
    assert progress[:3] == [1_000, 2_000, 3_000]  # not one record for each connection
    assert progress == sorted(set(progress))
    assert (history.progress().of, history.progress().read) == (_OTHERS + 7, _OTHERS + 7)
    assert len(history.events()) == 7
    with FeedbackProducer("shop", connection=line.connection) as producer:
        producer.conversation("mine").like("a")
    history.read(60)
    assert len(history.events()) == 8


def test_a_reading_that_is_stopped_returns(line: Line) -> None:
    _talk(line, others=50)
    history = _history(line)
    history.stop()
    history.read(60)
    assert (history.progress().read, history.progress().whole) == (1, False)


def test_it_begins_at_a_time(line: Line) -> None:
    _talk(line, others=5)
    whole = _history(line)
    whole.read(60)
    last = whole.events()[-1]
    late = _history(line, last.arrived_ms)
    late.read(60)
    assert late.events()[-1].offset == last.offset
    never = _history(line, last.arrived_ms + 3_600_000)
    never.read(60)
    assert (never.events(), never.progress().whole) == ([], True)


def test_an_erased_conversation_has_no_events_any_more(line: Line) -> None:
    _talk(line)
    history = _history(line)
    history.read(60)
    offset = history.events()[-1].offset
    with FeedbackProducer("shop", connection=line.connection) as producer:
        producer.conversation("mine").erase()
        producer.conversation("mine").like("a")
    history.read(60)
    assert history.erased_ms is not None
    assert history.events() == []
    with pytest.raises(NotFoundError):
        history.state_at(offset)


def test_a_conversation_that_does_not_fit_is_cut(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    _talk(line)
    monkeypatch.setattr(log_history, "MOST_BYTES", 250)
    history = _history(line)
    history.read(60)
    assert history.progress().too_large
    assert 0 < len(history.events()) < 7


def test_a_conversation_that_never_was_has_no_state(line: Line) -> None:
    _talk(line)
    history = _history(line, name="nobody")
    history.read(60)
    assert history.events() == []
    with pytest.raises(NotFoundError, match="had no conversation 'shop/nobody'"):
        history.state_at(10)


def test_a_kafka_that_is_away_is_said(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_history, "_ANSWER_S", 1.0)
    away = line.connection.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(ServiceUnavailableError):
        ConversationHistory(away, Rules(), RulesHistory(), "shop", "mine").read(1)
