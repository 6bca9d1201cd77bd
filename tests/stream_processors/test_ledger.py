"""The ledger: the same as the recount, in any steps, and what it may forget."""

from typing import Any

import pytest
from plaudit_schemas.codec import Decoder, Encoder
from plaudit_stream_processors.books import ledger as ledger_module
from plaudit_stream_processors.books.ledger import Ledger, digest_of, letter_digest
from plaudit_stream_processors.books.live import plain
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.recount import LogRecord, recount

from benchmarks.workload import events
from tests.stream_processors.builders import T0_MS, end, event, like, message, start

ENCODER = Encoder("finished_conversation")
EVENTS = Encoder("conversation_event")
KEY = b"acme/c1"


def _ledger(rules: Rules | None = None, first: int = 0) -> Ledger:
    decoder = Decoder("conversation_event", sparse=True)
    return Ledger(0, rules or Rules(), decoder, ENCODER, first=first, position=first)


def _log(count: int = 3000) -> list[LogRecord]:
    sent: list[tuple[bytes | None, bytes | None]] = list(
        events(count, open_conversations=40, start_us=T0_MS * 1000)
    )
    sent += sent[:100]
    sent += [(b"bench/x", b"garbage"), (b"bench/y", sent[0][1]), (None, None)]
    return [LogRecord(0, offset, T0_MS + offset, key, value) for offset, (key, value) in enumerate(sent)]


def _records(*made: dict[str, Any], hours: tuple[float, ...] = ()) -> list[LogRecord]:
    """One conversation's records; each arrives a second after the one before, or at its hour."""
    arrived = [T0_MS + int(hours[at] * 3_600_000) if hours else T0_MS + 1000 * at for at in range(len(made))]
    return [LogRecord(0, at, arrived[at], KEY, EVENTS.encode(record)) for at, record in enumerate(made)]


@pytest.mark.parametrize("step", [1, 7, 5000])
def test_it_equals_the_recount_in_any_steps(step: int) -> None:
    log = _log(1500)
    expected, book = recount(log, Rules()), _ledger()
    for at in range(0, len(log), step):
        book.take(log[at : at + step])
    assert {(0, offset): refusal.reason for offset, refusal in book.refused.items()} == expected.refused
    assert {(0, offset): digest for offset, digest in book.finished.items()} == {
        place: digest_of(ENCODER.encode(record)) for place, record in expected.finished.items()
    }
    cells = {
        name: {cell: amount for cell, amount in bucket.cells.items() if amount}
        for name, bucket in book.buckets.items()
    }
    assert {name: found for name, found in cells.items() if found} == expected.buckets[0]
    assert book.states.keys() == expected.states[0].keys()
    for key, state in book.states.items():
        assert plain(state.messages) == plain(expected.states[0][key].messages)
    assert (book.events, book.duplicates, len(book.refused)) == (len(log), 100, 3)
    assert book.folded + book.duplicates + book.ignored + len(book.refused) == book.events
    assert book.position == len(log)


def test_what_ended_long_ago_is_forgotten_and_still_refuses() -> None:
    hour = 3_600_000
    rules = Rules(state_retention_ms=hour)
    made = [
        start(),
        message("a"),
        end(),
        event("AddMessage", {"message_id": "b", "role": "user", "content": ""}),
    ]
    log = _records(*made, hours=(0, 0, 0, 5))
    book = _ledger(rules)
    book.take(log[:3])
    book.forget_before(T0_MS)
    assert book.states["acme/c1"].messages
    book.arrived_ms = T0_MS + 2 * hour
    book.forget_before(T0_MS + 2 * hour)
    state = book.states["acme/c1"]
    assert (state.messages, state.revision, state.events) == ({}, 1, 3)
    assert "10m" in "".join(book.buckets)
    book.take(log[3:])
    assert book.refused[3].reason == "expired"
    assert book.refused[3].digest == letter_digest(KEY, log[3].value)
    book.forget_before(T0_MS + 1000 * hour)
    assert not book.buckets
    assert book.dropped


def test_a_conversation_that_may_have_begun_before_the_log_is_unknown() -> None:
    log = _records(like("a"), end())
    book = _ledger(first=5)
    book.take([record._replace(offset=record.offset + 5) for record in log])
    assert book.unknown == {"acme/c1"}
    assert book.unsure == {5, 6}
    whole = _ledger()
    whole.take(log)
    assert whole.unsure == set()


def test_a_finished_conversation_over_the_limit_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "FINISHED_BYTES", 10)
    book = _ledger()
    book.take(_records(start(), message("a"), end()))
    assert book.finished == {}
    assert book.refused[2].reason == "invalid"
    assert book.folded == 2


def test_digests_tell_keys_from_values_and_leave_the_schemas_id_out() -> None:
    assert letter_digest(b"ab", b"c") != letter_digest(b"a", b"bc")
    assert letter_digest(None, None) == letter_digest(b"", b"")
    assert digest_of(b"\0\0\0\0\1body") == digest_of(b"\0\0\0\0\2body") != digest_of(b"\0\0\0\0\1bodz")
