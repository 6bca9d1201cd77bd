"""What the chat page's tests compare with: state and rows as what was said, and figures counted from it."""

import time
from collections import Counter
from copy import deepcopy
from typing import Any

from plaudit_consumers.rows.canonical import canonical_row, table_of
from plaudit_consumers.rows.schemas import CONVERSATIONS
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.queries.display import document_of

from tests.support.recount import recount
from tests.support.said_chats import (
    Compared,
    Judged,
    SaidChat,
    SaidMessage,
    figures_of,
    from_row,
    from_state,
)

_QUESTION = SaidMessage("user", "why?")
_FIRST = SaidMessage("assistant", "because", "why?", "complete", "m")
_SECOND = SaidMessage("assistant", "so", "why?", "cut", "m")
EXPECTED = SaidChat(
    Counter([_QUESTION, _FIRST, _SECOND]),
    Counter(
        [
            Judged("because", "thumb", "satisfaction", None),
            Judged("because", "number", "satisfaction", 4.0),
            Judged("so", "thumb", "satisfaction", False, "too short"),
            Judged("so", "correction", "accuracy", "thus"),
            Judged(None, "label", "topic", ("a", "b")),
            Judged("so", "signal", "behaviour", "copied"),
        ]
    ),
    Counter([Compared(("so", "because"), (frozenset(("so", "because")),), True)]),
    "granted",
    "cleared",
)


def _said() -> tuple[dict[str, Any], dict[str, Any]]:
    """The state and the row of that chat."""
    producer = InMemoryProducer(partitions=1)
    with producer:
        one = producer.start_conversation("c", model="m", consent="granted")
        asked = one.add_message("user", "why?")
        first, second = (
            one.add_message("assistant", text, parent_id=asked, status=status, model="m")  # type: ignore[arg-type]
            for text, status in (("because", "complete"), ("so", "cut"))
        )
        one.like(first)
        one.withdraw(first, "thumb")
        one.rate(first, 4)
        one.dislike(second, comment="too short")
        one.correct(second, "thus")
        one.label(None, ["b", "a"], aspect="topic")
        one.signal(second, "copied")
        one.signal(second, "dwell_seconds", 3)
        one.compare([second, first], [[first, second]], none_acceptable=True)
        one.end("cleared")
    now = time.time_ns() // 1_000_000
    log = [KafkaRecord(0, offset, now, key, value) for offset, (key, value) in enumerate(producer.messages)]
    found = recount(log, Rules(partitions=1))
    (state,) = found.states[0].values()
    (finished,) = found.finished.values()
    (row,) = table_of([canonical_row(log[-1], deepcopy(finished), None)], CONVERSATIONS).to_pylist()
    return document_of(state), row


def test_state_and_row_are_read_as_what_was_said() -> None:
    document, row = _said()
    assert from_state(document) == EXPECTED
    assert from_row(row) == EXPECTED.as_row()


def test_one_word_less_or_another_value_is_seen() -> None:
    document, row = _said()
    row["feedback"] = [one for one in row["feedback"] if one["correction"] is None]
    assert from_row(row) != EXPECTED.as_row()
    document["messages"][2]["status"] = "complete"
    assert from_state(document) != EXPECTED


def test_figures_are_counted_from_what_was_said() -> None:
    assert figures_of([EXPECTED], "m") == {
        "satisfaction number": (4.0, 1),
        "satisfaction thumb": (1.0, 1),
        "coverage": (1.0, 2),
        "regeneration_rate": (0.5, 2),
        "messages_assistant": (2.0, 2),
    }
