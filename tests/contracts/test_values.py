"""What callers pass to the SDK: other libraries' values are taken, and nothing raises an unknown error."""

from collections import OrderedDict, UserDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plaudit_producers import FeedbackProducer, IdentityHash, redact_texts
from plaudit_producers.sdk import bodies
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import (
    AddMessage,
    Attachment,
    CompareMessages,
    Model,
    Prompt,
    StartConversation,
    TokenUsage,
    ToolCall,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Label, Number, Rater
from plaudit_schemas.errors import InvalidEventError

Call = Callable[[FeedbackProducer, Any], object]


class Role(StrEnum):
    USER = "user"


class Level(IntEnum):
    FIVE = 5


class Colour(Enum):
    RED = "red"


class LoudText(str):
    """A text whose class overrides what the SDK could call."""

    __slots__ = ()

    def _raise(self, *_: object, **__: object) -> Any:
        raise ZeroDivisionError

    __len__ = __str__ = __repr__ = encode = __format__ = _raise


class Failing:
    """An object all of whose methods fail."""

    def _raise(self, *_: object, **__: object) -> Any:
        raise ZeroDivisionError

    __str__ = __repr__ = __len__ = __iter__ = __float__ = __index__ = __bool__ = __eq__ = _raise
    __hash__ = None  # type: ignore[assignment]
    __getattr__ = _raise


class FailingDict(UserDict[str, str]):
    """A mapping that cannot be read."""

    def items(self) -> Any:
        raise ZeroDivisionError


def _endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


HOSTILE: dict[str, Callable[[], Any]] = {
    "a huge int": lambda: 10**400,
    "an int without a repr": lambda: 10**5000,
    "a negative huge int": lambda: -(10**400),
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "NumPy's nan": lambda: np.float64("nan"),
    "a Decimal's nan": lambda: Decimal("sNaN"),
    "a huge Decimal": lambda: Decimal("1e999999"),
    "a complex number": lambda: 1j,
    "bytes": lambda: b"x",
    "bytearray": lambda: bytearray(b"x"),
    "a set": lambda: {"x"},
    "a generator": lambda: (each for each in "xy"),
    "dict keys": {"x": 1}.keys,
    "an object": object,
    "a class": lambda: Failing,
    "a function": lambda: _endless,
    "an object that fails": Failing,
    "a mapping that fails": lambda: FailingDict(x="y"),
    "an enum": lambda: Colour.RED,
    "a namespace": lambda: SimpleNamespace(id="x"),
    "a list that holds itself": _endless,
    "a large range": lambda: range(10**12),
    "a dict with numbers as keys": lambda: {1: "x"},
    "a list of lists": lambda: [[["x"]]],
    "a datetime": lambda: datetime.now(UTC),
    "NumPy's datetime": lambda: np.datetime64("2026-11-21"),
    "NumPy's matrix": lambda: np.zeros((2, 2, 2)),
    "half a surrogate pair": lambda: "\ud800",
    "a pair with half a surrogate pair": lambda: ("\ud800", {"\ud800": "x"}),
}
"""Values that no field takes."""

ODD: dict[str, Callable[[], Any]] = {
    **HOSTILE,
    "None": lambda: None,
    "true": lambda: True,
    "a number": lambda: 7,
    "an int of 65 bits": lambda: 2**64,
    "NumPy's number": lambda: np.int64(7),
    "NumPy's boolean": lambda: np.bool_(True),
    "a text": lambda: "x",
    "a loud text": lambda: LoudText("x"),
    "a long text": lambda: "x" * 200,
    "a list": lambda: ["x"],
    "an array": lambda: np.array(["x"]),
    "a dict": lambda: {"x": "y"},
    "a model": lambda: Model(id="x"),
    "a rater": Rater,
    "a pair": lambda: ("x", {"x": "y"}),
    "a time of the year 0": lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
}
"""Values of every kind. Which field takes which is not said here."""


def _keywords(options: Any) -> list[str]:
    return sorted(set(options.__annotations__) - {"on_delivery"})


def _with(method: str, options: Any, *arguments: Any) -> dict[str, Call]:
    def call(name: str) -> Call:
        def run(producer: FeedbackProducer, value: Any) -> object:
            holder = producer if hasattr(producer, method) else producer.conversation("c")
            return getattr(holder, method)(*arguments, **{name: value})

        return run

    return {f"{method}: {name}": call(name) for name in _keywords(options)}


CALLS: dict[str, Call] = {
    "start: id": lambda producer, value: producer.start_conversation(value),
    **_with("start_conversation", bodies.StartOptions),
    "conversation: id": lambda producer, value: producer.conversation(value).like(None),
    "message: role": lambda producer, value: producer.conversation("c").add_message(value, "x"),
    "message: content": lambda producer, value: producer.conversation("c").add_message("user", value),
    **_with("add_message", bodies.MessageOptions, "user", "x"),
    "like: message": lambda producer, value: producer.conversation("c").like(value),
    **_with("like", bodies.FeedbackOptions, "m"),
    "like: aspect": lambda producer, value: producer.conversation("c").like("m", aspect=value),
    "rate: number": lambda producer, value: producer.conversation("c").rate("m", value),
    "rate: maximum": lambda producer, value: producer.conversation("c").rate("m", 1, maximum=value),
    "rate: both ends": lambda producer, value: producer.conversation("c").rate(
        "m", 1, minimum=value, maximum=value
    ),
    "label: labels": lambda producer, value: producer.conversation("c").label("m", value),
    "comment: text": lambda producer, value: producer.conversation("c").comment("m", value),
    "correct: content": lambda producer, value: producer.conversation("c").correct("m", value),
    "signal: name": lambda producer, value: producer.conversation("c").signal("m", value),
    "signal: number": lambda producer, value: producer.conversation("c").signal("m", "dwell_seconds", value),
    "withdraw: kind": lambda producer, value: producer.conversation("c").withdraw("m", value),
    "withdraw: signal": lambda producer, value: producer.conversation("c").withdraw(
        "m", "signal", signal=value
    ),
    "compare: candidates": lambda producer, value: producer.conversation("c").compare(value, ["x"]),
    "compare: ranking": lambda producer, value: producer.conversation("c").compare(["x", "y"], value),
    **_with("compare", bodies.CompareOptions, ["a", "b"], ["a"]),
    **_with("update", bodies.UpdateOptions),
    "end: reason": lambda producer, value: producer.conversation("c").end(value),
    "end: occurred_at": lambda producer, value: producer.conversation("c").end(occurred_at=value),
    "erase: reason": lambda producer, value: producer.conversation("c").erase(value),
    "emit: record": lambda producer, value: producer.emit(value),
    "emit: body": lambda producer, value: producer.emit({**_record(), "body": value}),
    "emit: time": lambda producer, value: producer.emit({**_record(), "occurred_at": value}),
    "emit: application": lambda producer, value: producer.emit({**_record(), "application": value}),
    "emit: content": lambda producer, value: producer.emit(_record(content=value)),
    "emit: a field's name": lambda producer, value: producer.emit({**_record(), LoudText("x"): value}),
}


def _record(**fields: Any) -> dict[str, Any]:
    body = {"message_id": "m", "role": "user", "content": "x", **fields}
    return {
        "event_id": "e", "application": "shop", "conversation_id": "c",
        "occurred_at": 1_795_262_400_000_000, "body": ("plaudit.v1.AddMessage", body),
    }  # fmt: skip


def producer_of(*, strict: bool = True, **options: Any) -> InMemoryProducer:
    return InMemoryProducer(
        "shop",
        identity=IdentityHash("k", b"0123456789abcdef"),
        redact=redact_texts(str),
        strict=strict,
        **options,
    )


PROGRAM_ERRORS = frozenset(("emit: record", "emit: a field's name"))


@pytest.mark.parametrize("call", [call for call in CALLS if call not in PROGRAM_ERRORS])
def test_no_value_raises_unless_the_producer_is_strict(call: str, caplog: pytest.LogCaptureFixture) -> None:
    producer = producer_of(strict=False)
    for name, value in ODD.items():
        producer.clear()
        before = sum(producer.stats().rejected.values())
        CALLS[call](producer, value())
        rejected = sum(producer.stats().rejected.values()) - before
        assert len(producer.events) + rejected == 1, name
    assert all(line.isprintable() for line in caplog.messages)


@pytest.mark.parametrize("call", list(CALLS))
def test_any_value_is_taken_or_refused_as_an_invalid_event(call: str) -> None:
    producer = producer_of()
    for name, value in ODD.items():
        producer.clear()
        try:
            CALLS[call](producer, value())
        except InvalidEventError:
            assert producer.messages == [], name
        else:
            assert len(producer.events) == 1, name


@pytest.mark.parametrize("value", list(HOSTILE))
def test_no_field_takes_a_hostile_value(value: str) -> None:
    taken, producer = [], producer_of()
    for name, call in CALLS.items():
        try:
            call(producer, HOSTILE[value]())
        except InvalidEventError:
            continue
        taken.append(name)
    times = [name for name in CALLS if "occurred_at" in name]
    assert taken == (times if value == "a datetime" else [])


def test_numbers_and_texts_of_other_libraries_are_taken_as_what_they_are() -> None:
    producer = InMemoryProducer("shop")
    chat: Any = producer.start_conversation(
        np.str_("c"), tags=MappingProxyType({"a": np.str_("b")}), user_id=LoudText("u"), consent="granted"
    )
    answer = chat.add_message(
        Role.USER, LoudText("hello"), latency_ms=np.int32(812), first_token_ms=Decimal(90),
        abstained=np.bool_(False), usage={"input": np.uint8(7), "output": Level.FIVE},
        metadata=OrderedDict(a="b"), event_id=np.str_("e"),
    )  # fmt: skip
    chat.rate(answer, Decimal("4.5"), maximum=np.int64(5), confidence=np.float32(0.25))
    chat.rate(answer, Fraction(3, 2), confidence=np.longdouble(0.5))
    chat.label(np.str_(answer), np.array(["correct", "polite"]))
    chat.compare((answer, "b"), [np.array([answer, "b"])])
    _, said, rated, halved, labelled, compared = (event.body for event in producer.events)
    assert {event.conversation_id for event in producer.events} == {"c"}
    assert isinstance(said, AddMessage)
    assert (said.role, said.content, said.latency_ms, said.first_token_ms) == ("user", "hello", 812, 90)
    assert (said.abstained, said.usage, said.metadata) == (False, TokenUsage(input=7, output=5), {"a": "b"})
    assert isinstance(rated, UpdateMessage)
    assert rated.feedback.value == Number(number=4.5, minimum=1, maximum=5)
    assert rated.feedback.confidence == 0.25
    assert isinstance(halved, UpdateMessage)
    assert halved.feedback.value == Number(number=1.5, minimum=1, maximum=5)
    assert isinstance(labelled, UpdateMessage)
    assert labelled.feedback.value == Label(labels=["correct", "polite"])
    assert isinstance(compared, CompareMessages)
    assert (compared.candidates, compared.ranking) == ([answer, "b"], [[answer, "b"]])


def test_dicts_stand_for_the_models_of_the_contract() -> None:
    producer = InMemoryProducer("shop")
    chat = producer.start_conversation(model={"id": "m", "version": "2"}, prompt={"id": "p"})
    chat.add_message(
        "assistant", "", tool_calls=[{"id": "1", "name": "look", "arguments": "{}"}], model={"id": "n"},
        attachments=({"uri": "s3://a/b"},), usage={"input": 3}, prompt={"id": "q", "version": "1"},
    )  # fmt: skip
    chat.like(None, rater={"id": "r-9", "kind": "reviewer"})
    chat.compare(["a", "b"], ["b"], rater={"id": "u"})
    started, said, liked, compared = (event.body for event in producer.events)
    assert isinstance(started, StartConversation)
    assert (started.model, started.prompt) == (Model(id="m", version="2"), Prompt(id="p"))
    assert isinstance(said, AddMessage)
    assert said.tool_calls == [ToolCall(id="1", name="look", arguments="{}")]
    assert said.attachments == [Attachment(uri="s3://a/b")]
    assert (said.model, said.prompt) == (Model(id="n"), Prompt(id="q", version="1"))
    assert said.usage == TokenUsage(input=3)
    assert isinstance(liked, UpdateMessage)
    assert liked.feedback.rater == Rater(id="r-9", kind="reviewer")
    assert isinstance(compared, CompareMessages)
    assert compared.rater == Rater(id="u", kind="user")  # as the model's default


def test_what_the_caller_gave_stays_as_it_was() -> None:
    tags, call = {"a": np.str_("b")}, {"id": "1", "name": "n", "arguments": "{}"}
    producer = producer_of()
    producer.start_conversation(tags=tags).add_message("assistant", "x", tool_calls=[call])
    assert type(tags["a"]) is np.str_
    assert call == {"id": "1", "name": "n", "arguments": "{}"}
