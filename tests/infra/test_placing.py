"""The audit of events in wrong partitions: what was sent again, and what may have been deleted."""

from typing import Any

import pytest
from plaudit_infra.audit.ledger import Ledger, Misplaced
from plaudit_infra.audit.placing import Placing
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import EMITTED, Rules, RulesHistory

from tests.stream_processors.builders import T0_MS, like, message, start

KEY = b"acme/c1"
OWN = partition_of(KEY, 4)
OTHER = (OWN + 1) % 4
EVENTS = Encoder("conversation_event")


def _ledger(partition: int, history: RulesHistory | None = None, **more: Any) -> Ledger:
    decoder, encoders = Decoder("conversation_event", sparse=True), {name: Encoder(name) for name in EMITTED}
    rules = Rules(partitions=4)
    return Ledger(partition, rules, decoder, encoders, history=history or RulesHistory(), **more)


def _records(partition: int, *made: dict[str, Any], **more: Any) -> list[KafkaRecord]:
    return [
        KafkaRecord(partition, at, T0_MS + at, KEY, EVENTS.encode(record), **more)
        for at, record in enumerate(made)
    ]


def _folded(*records: KafkaRecord, history: RulesHistory | None = None) -> Ledger:
    ledger = _ledger(records[0].partition, history)
    ledger.fold_records(records)
    return ledger


def test_what_was_not_sent_again_is_told_and_what_was_is_not() -> None:
    wrong = _folded(*_records(OTHER, start(), like("a"), like("b")))
    assert [refusal.reason for refusal in wrong.refused.values()] == ["wrong_partition"] * 3
    again = _folded(*_records(OWN, start(), like("a"), headers=((FIRST_ARRIVAL, b"1"),)))
    placing = Placing()
    placing.add(wrong, committed=3)
    placing.add(again, committed=2)
    (told,) = placing.differences()
    assert (told.account, told.partition, told.first, told.last) == ("wrong partition", OTHER, 2, 2)
    assert told.what.startswith("1 events are not of this partition")


def test_what_is_not_folded_yet_is_not_told() -> None:
    placing = Placing()
    placing.add(_folded(*_records(OTHER, start(), like("a"))), committed=1)
    (told,) = placing.differences()
    assert (told.first, told.last) == (0, 0)


@pytest.mark.parametrize(("began_ms", "told"), [(T0_MS - 1, 1), (T0_MS + 1, 0)], ids=["before", "after"])
def test_a_log_that_begins_later_may_have_lost_what_was_sent_again(began_ms: int, told: int) -> None:
    placing = Placing()
    placing.add(_ledger(OTHER, misplaced=[Misplaced(0, T0_MS, b"", OWN)]), committed=1)
    placing.add(_ledger(OWN, first=10, began_ms=began_ms), committed=20)
    assert len(list(placing.differences())) == told


def test_a_state_that_earlier_rules_made_in_a_wrong_partition_takes_nothing_more() -> None:
    """The worker does not even load it."""
    records = _records(OTHER, start(), message("a"), like("a"))
    ledger = _folded(*records, history=RulesHistory(((1, 0), (2, 2))))
    assert {offset: refusal.reason for offset, refusal in ledger.refused.items()} == {2: "wrong_partition"}
    assert ledger.states[KEY].events == 2
    assert ledger.misplaced_states == {KEY}
