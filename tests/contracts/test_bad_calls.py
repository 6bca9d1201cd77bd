"""Calls of the SDK that break the contract, on a strict producer."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.errors import InvalidEventError

BAD_CALLS: dict[str, Callable[[FeedbackProducer], object]] = {
    "empty conversation id": lambda producer: producer.start_conversation(""),
    "long conversation id": lambda producer: producer.conversation("x" * 129),
    "no role": lambda producer: producer.conversation("c").add_message("narrator", "x"),
    "content is bytes": lambda producer: producer.conversation("c").add_message("user", b"x"),  # type: ignore[arg-type]
    "content over 1 MiB": lambda producer: producer.conversation("c").add_message("user", "é" * 524_289),
    "lone surrogate": lambda producer: producer.conversation("c").add_message("user", "\ud800"),
    "unknown field": lambda producer: producer.conversation("c").add_message("user", "x", mood="good"),  # type: ignore[call-arg]
    "33 entries": lambda producer: producer.start_conversation(tags={str(n): "" for n in range(33)}),
    "negative latency": lambda producer: producer.conversation("c").add_message("user", "x", latency_ms=-1),
    "empty message id": lambda producer: producer.conversation("c").like(""),
    "empty event id": lambda producer: producer.conversation("c").end(event_id=""),
    "off its scale": lambda producer: producer.conversation("c").rate("m", 6),
    "not a number": lambda producer: producer.conversation("c").rate("m", float("nan")),
    "no labels": lambda producer: producer.conversation("c").label("m", []),
    "withdraw a signal without its name": lambda producer: producer.conversation("c").withdraw("m", "signal"),
    "one candidate": lambda producer: producer.conversation("c").compare(["a"], ["a"]),
    "ranks a stranger": lambda producer: producer.conversation("c").compare(["a", "b"], ["c"]),
    "no time zone": lambda producer: producer.conversation("c").end(occurred_at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "the year 0": lambda producer: producer.conversation("c").end(
        occurred_at=datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    ),
    "the year 10000": lambda producer: producer.conversation("c").end(
        occurred_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    ),
    "a time in milliseconds": lambda producer: producer.conversation("c").end(occurred_at=1_795_262_400_000),  # type: ignore[arg-type]
    "a number over 1e308": lambda producer: producer.conversation("c").rate("m", 10**400),
    "labels without an order": lambda producer: producer.conversation("c").label("m", {"x"}),  # type: ignore[arg-type]
    "tool calls of texts": lambda producer: producer.conversation("c").add_message(
        "assistant",
        "",
        tool_calls=["x"],  # type: ignore[list-item]
    ),
    "a rater as a text": lambda producer: producer.conversation("c").like("m", rater="me"),  # type: ignore[arg-type]
    "no consent": lambda producer: producer.start_conversation(consent=None),  # type: ignore[arg-type]
    "no end reason": lambda producer: producer.conversation("c").end("bored"),  # type: ignore[arg-type]
    "over 2 MiB in all": lambda producer: producer.conversation("c").add_message(
        "user", "x" * 1_048_576, reasoning="x" * 1_048_576
    ),
}


@pytest.mark.parametrize("case", list(BAD_CALLS))
def test_what_breaks_the_contract_is_refused(case: str) -> None:
    producer = InMemoryProducer(strict=True)
    with pytest.raises(InvalidEventError):
        BAD_CALLS[case](producer)
    assert producer.messages == []
    assert producer.stats().accepted == 0
