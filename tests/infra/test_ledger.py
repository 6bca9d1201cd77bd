"""The ledger: the same as the recount, in any steps, and what it may forget."""

from typing import Any

import pytest
from plaudit_infra.audit.ledger import Ledger, body_digest, record_digest
from plaudit_infra.audit.live_state import plain
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import CAPS_VERSION, EMITTED, Rules, RulesHistory, room, step

from harness.events import events
from tests.stream_processors.builders import T0_MS, end, event, like, message, start
from tests.support.recount import recount

ENCODER = Encoder("finished_conversation")
EVENTS = Encoder("conversation_event")
KEY = b"acme/c1"


def _new_ledger(rules: Rules | None = None, first: int = 0) -> Ledger:
    decoder = Decoder("conversation_event", sparse=True)
    return Ledger(
        0, rules or Rules(), decoder, {name: Encoder(name) for name in EMITTED}, first=first, position=first
    )


def _log(count: int = 3000) -> list[KafkaRecord]:
    sent: list[tuple[bytes | None, bytes | None]] = list(
        events(count, open_conversations=40, start_us=T0_MS * 1000)
    )
    sent += sent[:100]
    sent += [(b"bench/x", b"garbage"), (b"bench/y", sent[0][1]), (None, None)]
    return [KafkaRecord(0, offset, T0_MS + offset, key, value) for offset, (key, value) in enumerate(sent)]


def _records(*made: dict[str, Any], hours: tuple[float, ...] = ()) -> list[KafkaRecord]:
    """One conversation's records; each arrives a second after the one before, or at its hour."""
    arrived = [T0_MS + int(hours[at] * 3_600_000) if hours else T0_MS + 1000 * at for at in range(len(made))]
    return [KafkaRecord(0, at, arrived[at], KEY, EVENTS.encode(record)) for at, record in enumerate(made)]


@pytest.mark.parametrize("step", [1, 7, 5000], ids=["one by one", "seven at a time", "all at once"])
def test_it_equals_the_recount_in_any_steps(step: int) -> None:
    log = _log(1500)
    expected, ledger = recount(log, Rules()), _new_ledger()
    for at in range(0, len(log), step):
        ledger.fold_records(log[at : at + step])
    assert {(0, offset): refusal.reason for offset, refusal in ledger.refused.items()} == expected.refused
    assert {(0, offset): digest for offset, digest in ledger.finished.items()} == {
        place: body_digest(ENCODER.encode(record)) for place, record in expected.finished.items()
    }
    cells = {
        name: {cell: amount for cell, amount in bucket.cells.items() if amount}
        for name, bucket in ledger.buckets.items()
    }
    assert {name: found for name, found in cells.items() if found} == expected.buckets[0]
    assert {state.key for state in ledger.states.values()} == expected.states[0].keys()
    for state in ledger.states.values():
        assert plain(state.messages) == plain(expected.states[0][state.key].messages)
    assert (ledger.events, ledger.duplicates, len(ledger.refused)) == (len(log), 100, 3)
    assert ledger.folded + ledger.duplicates + ledger.ignored + len(ledger.refused) == ledger.events
    assert ledger.position == len(log)


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
    ledger = _new_ledger(rules)
    ledger.fold_records(log[:3])
    ledger.forget_before(T0_MS)
    assert ledger.states[KEY].messages
    ledger.arrived_ms = T0_MS + 2 * hour
    ledger.forget_before(T0_MS + 2 * hour)
    state = ledger.states[KEY]
    assert (state.messages, state.revision, state.events) == ({}, 1, 3)
    assert "10m" in "".join(ledger.buckets)
    ledger.fold_records(log[3:])
    assert ledger.refused[3].reason == "expired"
    assert ledger.refused[3].digest == record_digest(KEY, log[3].value)
    ledger.forget_before(T0_MS + 1000 * hour)
    assert not ledger.buckets
    assert ledger.dropped


def test_a_conversation_that_may_have_begun_before_the_log_is_unknown() -> None:
    log = _records(like("a"), end())
    ledger = _new_ledger(first=5)
    ledger.fold_records([record._replace(offset=record.offset + 5) for record in log])
    assert ledger.unknown == {KEY}
    assert ledger.unsure == {5, 6}
    whole = _new_ledger()
    whole.fold_records(log)
    assert whole.unsure == set()


def test_a_finished_conversation_over_the_limit_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "FINISHED_BYTES", 10)
    ledger = _new_ledger()
    ledger.fold_records(_records(start(), message("a"), end()))
    assert ledger.finished == {}
    assert ledger.refused[2].reason == "too_large"
    assert ledger.folded == 2


def test_a_log_in_the_middle_keeps_what_its_version_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CONVERSATION_MESSAGES", 2)
    log = _records(start(), *(message(f"m{n}") for n in range(6)), end())
    ledger = _new_ledger()
    ledger.history = RulesHistory(((CAPS_VERSION - 1, 0), (CAPS_VERSION, 5)))
    ledger.fold_records(log)
    assert {offset: refusal.reason for offset, refusal in ledger.refused.items()} == dict.fromkeys(
        (5, 6), "too_large"
    )
    assert (len(ledger.states[KEY].messages), list(ledger.finished)) == (4, [7])


def test_digests_tell_keys_from_values_and_leave_the_schemas_id_out() -> None:
    assert record_digest(b"ab", b"c") != record_digest(b"a", b"bc")
    assert record_digest(None, None) == record_digest(b"", b"")
    assert body_digest(b"\0\0\0\0\1body") == body_digest(b"\0\0\0\0\2body") != body_digest(b"\0\0\0\0\1bodz")
