"""What every producer promises: fakes and real ones, for threads and asyncio, with a spool and without."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from plaudit_producers import (
    AsyncFeedbackProducer,
    ClosedError,
    Delivery,
    DeliveryFuture,
    FeedbackProducer,
    IdentityHash,
    RedactionError,
    redact_texts,
)
from plaudit_producers.testing import AsyncInMemoryProducer, InMemoryProducer
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import (
    BODIES,
    AddMessage,
    Attachment,
    CompareMessages,
    ConversationEvent,
    EndConversation,
    EraseConversation,
    ExcludeFromTraining,
    Model,
    StartConversation,
    TokenUsage,
    ToolCall,
    UpdateConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import VALUES, Rater
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.contracts.blocking import Blocking, running_loop
from tests.contracts.test_bad_calls import BAD_CALLS
from tests.support.event_log import PARTITIONS, Logged, by_conversation, own_topics, read_log

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
AWKWARD = "\n  \ttwo leading blanks, é́ unnormalised, \U0001f9d1\u200d\U0001f680 beyond the BMP, \0 and \r\n "


@dataclass
class Subject:
    """A kind of producer and a way to read what it sent."""

    make_one: Callable[..., FeedbackProducer]
    read_all: Callable[[], list[Logged]]
    made: list[FeedbackProducer] = field(default_factory=list)

    def make(self, **options: Any) -> FeedbackProducer:
        producer = self.make_one(**options)
        self.made.append(producer)
        return producer

    def read(self) -> list[Logged]:
        for producer in self.made:
            assert producer.flush(60) == 0
        return self.read_all()

    def events(self) -> dict[str, list[ConversationEvent]]:
        return by_conversation(self.read())


class Calls(NamedTuple):
    """The classes of a fake and of a real producer, and what lets the suite call either."""

    fake: Callable[..., Any]
    real: Callable[..., Any]
    wrap: Callable[[Any], Any]


@pytest.fixture(params=["threads", "asyncio"])
def calls(request: pytest.FixtureRequest) -> Iterator[Calls]:
    if request.param == "threads":
        yield Calls(InMemoryProducer, FeedbackProducer, lambda producer: producer)
        return
    with running_loop() as loop:
        yield Calls(AsyncInMemoryProducer, AsyncFeedbackProducer, lambda producer: Blocking(producer, loop))


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("spool", marks=pytest.mark.kafka),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path, calls: Calls) -> Iterator[Subject]:
    made = _memory(calls) if request.param == "memory" else _kafka(request, tmp_path, calls)
    yield made
    for producer in made.made:
        producer.close(30)


def _memory(calls: Calls) -> Subject:
    fakes: list[InMemoryProducer | AsyncInMemoryProducer] = []

    def make(**options: Any) -> Any:
        fakes.append(calls.fake("shop", partitions=PARTITIONS, **options))
        return calls.wrap(fakes[-1])

    def read() -> list[Logged]:
        found: list[Logged] = []
        for producer in fakes:
            for (key, _), event in zip(producer.messages, producer.events, strict=True):
                found.append(Logged(key, partition_of(key, PARTITIONS), len(found), event))
        return found

    return Subject(make, read)


def _kafka(request: pytest.FixtureRequest, tmp_path: Path, calls: Calls) -> Subject:
    settings: ConnectionSettings = own_topics(request.getfixturevalue("kafka"))
    spool: dict[str, Any] = {"spool_dir": tmp_path / "spool"} if request.param == "spool" else {}

    def make(**options: Any) -> Any:
        return calls.wrap(calls.real("shop", connection=settings, **spool, **options))

    return Subject(make, lambda: read_log(settings))


def test_every_kind_of_event_arrives_once_in_order_and_to_the_byte(subject: Subject) -> None:  # noqa: PLR0915
    producer = subject.make()
    at = datetime(2026, 5, 4, 3, 2, 1, 123457, tzinfo=UTC)
    chat = producer.start_conversation(
        model=Model(id="answerer", version="2", metadata={"quantised": "no"}),
        user_id="u-1", variants={"tone": "warm"}, consent="granted", tags={"locale": AWKWARD},
        prompt="greeting", tools="[]", parameters="{}", session="s", continues="earlier", occurred_at=at,
    )  # fmt: skip
    ask = chat.add_message("user", AWKWARD, parent_id="", metadata={"": ""})
    first = chat.add_message(
        "assistant", "", model="answerer-3", latency_ms=0, first_token_ms=1 << 40, status="cut",
        abstained=False,
        reasoning=AWKWARD, finish_reason="length", usage=TokenUsage(input=1), message_id="my own",
        tool_calls=[ToolCall(id="c", name="look", arguments='{"x": 1}')],
        attachments=[Attachment(uri="s3://a/b", media_type="image/png")],
    )  # fmt: skip
    chat.add_message("tool", "42", tool_call_id="c", parent_id=ask)
    judge = Rater(id="r-9", kind="reviewer", version="1")
    chat.like(first, rater=judge, rubric="r", comment=AWKWARD, confidence=0.5)
    chat.dislike(None, event_id="my event")
    chat.rate(first, 4, aspect="helpful")
    chat.rate(first, -0.5, minimum=-1, maximum=1)
    chat.label(first, ["correct", ""], aspect="accuracy")
    chat.comment(None, "")
    chat.correct(first, AWKWARD)
    chat.signal(first, "dwell_seconds", 2.5)
    chat.signal(first, "copied")
    chat.withdraw(first, "signal", aspect="behaviour", signal="copied")
    chat.compare([first, ask, "third"], [ask, [first, "third"]], none_acceptable=True, comment="ties")
    chat.update(tags={"a": "b"}, consent="denied", user_id="u-2")
    chat.end("cleared")
    chat.exclude(first, reason="a name")
    chat.decline_review("item", first, rater=Rater(id="r", kind="reviewer"))
    chat.mark_spans(first, [{"start": 0, "end": 2, "label": "greeting"}])
    chat.erase("asked to")

    events = subject.events()
    assert list(events) == [chat.conversation_id]
    mine = events[chat.conversation_id]
    assert [event.sequence for event in mine] == list(range(21))
    assert {type(event.body) for event in mine} == set(BODIES.values())
    given = [event.body.feedback.value for event in mine if isinstance(event.body, UpdateMessage)]
    assert {type(value) for value in given if value is not None} == set(VALUES.values())
    start, asked, answer = mine[0], mine[1], mine[2]
    assert start.occurred_at == at
    assert isinstance(start.body, StartConversation)
    assert start.body.tags["locale"] == AWKWARD
    assert start.body.model == Model(id="answerer", version="2", metadata={"quantised": "no"})
    assert isinstance(asked.body, AddMessage)
    assert (asked.body.content, asked.body.parent_id, asked.body.metadata) == (AWKWARD, "", {"": ""})
    assert isinstance(answer.body, AddMessage)
    assert (answer.body.content, answer.body.reasoning, answer.body.message_id) == ("", AWKWARD, "my own")
    assert answer.body.model == Model(id="answerer-3")
    assert answer.body.first_token_ms == 1 << 40
    assert answer.body.tool_calls == [ToolCall(id="c", name="look", arguments='{"x": 1}')]
    liked = mine[4].body
    assert isinstance(liked, UpdateMessage)
    assert (liked.feedback.rater, liked.feedback.comment) == (judge, AWKWARD)
    assert mine[5].event_id == "my event"
    withdrawn = mine[13].body
    assert isinstance(withdrawn, UpdateMessage)
    assert (withdrawn.feedback.value, withdrawn.feedback.signal) == (None, "copied")
    compared = mine[14].body
    assert isinstance(compared, CompareMessages)
    assert compared.ranking == [[ask], [first, "third"]]
    assert isinstance(mine[15].body, UpdateConversation)
    assert mine[16].body == EndConversation(reason="cleared")
    assert mine[17].body == ExcludeFromTraining(message_id=first, reason="a name")
    assert mine[20].body == EraseConversation(reason="asked to")


def test_what_the_checks_accept_a_raw_event_carries_unchanged(subject: Subject) -> None:
    producer = subject.make()
    ours = ConversationEvent(
        application="other", conversation_id="a/b", body=AddMessage(role="user", content=AWKWARD)
    )
    theirs = ours.model_copy(update={"event_id": "E2", "producer": "P", "sequence": 7, "source": "import"})
    assert producer.send(ours) == ours.event_id
    producer.send(theirs)
    log = subject.read()
    assert [logged.key for logged in log] == [b"other/a/b"] * 2
    first, second = (logged.event for logged in log)
    sent = {"producer": first.producer, "sequence": 0, "held_ms": first.held_ms}
    assert first == ours.model_copy(update=sent)
    assert first.producer is not None
    assert second == theirs.model_copy(update={"held_ms": second.held_ms})
    assert all(event.held_ms is not None for event in (first, second))


def test_ids_are_ulids_and_numbers_begin_at_zero_in_every_conversation(subject: Subject) -> None:
    producer = subject.make()
    chats = [producer.start_conversation() for _ in range(5)]
    for chat in chats * 3:
        assert ULID.fullmatch(chat.add_message("user", "hello"))
    producer.conversation(chats[0].conversation_id).end()  # another handle goes on counting
    events = subject.events()
    assert [len(events[chat.conversation_id]) for chat in chats] == [5, 4, 4, 4, 4]
    for found in events.values():
        assert [event.sequence for event in found] == list(range(len(found)))
    everything = [event for found in events.values() for event in found]
    assert len({event.producer for event in everything}) == 1
    assert all(ULID.fullmatch(event.event_id) and event.source == "sdk" for event in everything)


def test_the_partition_is_javas(subject: Subject) -> None:
    deliveries: list[Delivery] = []
    producer = subject.make(on_delivery=deliveries.append)
    for number in range(20):
        producer.start_conversation(f"chat {number}")
    log = subject.read()
    assert len(deliveries) == 20
    for delivery in deliveries:
        key = conversation_key("shop", delivery.conversation_id)
        assert delivery.partition == partition_of(key, PARTITIONS)
    assert {(each.event_id, each.conversation_id) for each in deliveries} == {
        (logged.event.event_id, logged.event.conversation_id) for logged in log
    }


def test_a_refusal_sends_nothing_and_uses_no_number(subject: Subject) -> None:
    producer = subject.make(strict=True)
    for call in BAD_CALLS.values():
        with pytest.raises(InvalidEventError):
            call(producer)
    producer.conversation("c").end()
    assert [logged.event.sequence for logged in subject.read()] == [0]


def test_content_at_the_limit_goes_through(subject: Subject) -> None:
    producer = subject.make()
    content = "é" * 524_288
    producer.conversation("c").add_message("user", content)
    body = subject.read()[0].event.body
    assert isinstance(body, AddMessage)
    assert body.content == content


def test_a_future_and_a_callback_learn_of_the_delivery(subject: Subject) -> None:
    producer = subject.make()
    future, called = DeliveryFuture(), threading.Event()
    chat = producer.conversation("c")
    chat.like(None, on_delivery=future, event_id="first")
    chat.end(on_delivery=lambda _: called.set())
    delivery = future.result(60)
    assert called.wait(120)
    assert (delivery.event_id, delivery.application, delivery.conversation_id) == ("first", "shop", "c")
    assert (delivery.offset, delivery.error) == (0, None)
    assert producer.flush(60) == 0
    stats = producer.stats()
    assert (stats.accepted, stats.delivered, stats.failed, stats.dropped, stats.waiting) == (2, 2, 0, 0, 0)


def test_a_callback_that_raises_is_logged_and_harms_nobody(
    subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(delivery: Delivery) -> None:
        raise ZeroDivisionError(delivery.event_id)

    producer = subject.make()
    chat = producer.conversation("c")
    with caplog.at_level(logging.ERROR):
        chat.like(None, on_delivery=fail)
        chat.end()
        assert len(subject.read()) == 2
    assert "on_delivery raised" in caplog.text


def test_after_close_nothing_is_taken(subject: Subject) -> None:
    producer = subject.make()
    with producer, producer.start_conversation() as chat:
        chat.add_message("user", "bye")
    assert producer.close() == 0
    with pytest.raises(ClosedError):
        chat.like(None)
    subject.made.clear()
    subject.made.append(producer)
    bodies = [logged.event.body for logged in subject.read_all()]
    assert bodies[-1] == EndConversation(reason="closed")
    assert len(bodies) == 3


def test_no_raw_identity_leaves(subject: Subject) -> None:
    identity = IdentityHash("k1", b"sixteen bytes at least")
    producer = subject.make(identity=identity)
    chat = producer.start_conversation(user_id="anna@example.org")
    chat.update(user_id="anna@example.org")
    chat.like(None, rater=Rater(id="bob", kind="reviewer"))
    chat.compare(["a", "b"], ["a"], rater=Rater(id="bob", kind="reviewer"))
    chat.like(None, rater=Rater(id="judge-7b", kind="model"))
    event = ConversationEvent(
        application="shop", conversation_id="c", body=StartConversation(user_id="anna@example.org")
    )
    producer.send(event)
    assert isinstance(event.body, StartConversation)
    assert event.body.user_id == "anna@example.org"  # the caller's own is left alone
    dumps = [logged.event.model_dump_json() for logged in subject.read()]
    assert not any("anna" in dump or "bob" in dump for dump in dumps)
    assert sum(identity("anna@example.org") in dump for dump in dumps) == 3
    assert sum(identity("bob") in dump for dump in dumps) == 2
    assert sum("judge-7b" in dump for dump in dumps) == 1
    assert identity("bob") != IdentityHash("k1", b"sixteen other bytes")("bob")
    assert re.fullmatch(r"k1:[0-9a-f]{64}", identity("bob"))
    assert "sixteen" not in repr(identity)


def test_redaction_sees_every_text_before_it_leaves(subject: Subject) -> None:
    producer = subject.make(redact=redact_texts(lambda text: text.replace("secret", "*")))
    chat = producer.conversation("c")
    calls = [ToolCall(id="1", name="n", arguments="secret")]
    chat.add_message("user", "a secret", reasoning="secret", tool_calls=calls)
    chat.comment(None, "secret", comment="secret")
    chat.correct("m", "secret")
    chat.compare(["a", "b"], ["a"], comment="secret")
    chat.erase("secret")
    assert calls[0].arguments == "secret"
    dumps = [logged.event.model_dump_json() for logged in subject.read()]
    assert len(dumps) == 5
    assert not any("secret" in dump for dump in dumps)


def test_a_failing_or_wrong_redaction_sends_nothing() -> None:
    def lengthen(record: Record) -> Record:
        record["body"][1]["content"] *= 2
        return record

    producer = InMemoryProducer(redact=lambda record: record["nonsense"], strict=True)
    with pytest.raises(RedactionError):
        producer.conversation("c").add_message("user", "x")
    assert producer.messages == []
    producer = InMemoryProducer(redact=lengthen, strict=True)
    with pytest.raises(InvalidEventError):
        producer.conversation("c").add_message("user", "x" * 600_000)


def test_order_is_kept_for_each_conversation_with_many_threads(subject: Subject) -> None:
    producer = subject.make(when_full="block", block_timeout_s=60)

    def talk(name: str) -> None:
        with producer.start_conversation(name) as chat:
            for number in range(200):
                chat.add_message("user", str(number))

    threads = [threading.Thread(target=talk, args=(f"chat {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = subject.events()
    assert len(events) == 8
    for found in events.values():
        assert [event.sequence for event in found] == list(range(202))
        texts = [event.body.content for event in found if isinstance(event.body, AddMessage)]
        assert texts == [str(number) for number in range(200)]
