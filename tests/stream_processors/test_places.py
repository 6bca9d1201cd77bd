"""Records in their own partition and in others, and words that are sent again."""

from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import InvalidEventError, WrongPartitionError
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import (
    CLOCKS_VERSION,
    ConversationState,
    Effects,
    Rules,
    check_place,
    fold_record,
)

from tests.stream_processors.builders import T0_MS, like, start

KEY = b"acme/c1"
OWN = partition_of(KEY, 4)
DAY_MS = 86_400_000


def _record(partition: int = OWN, key: bytes | None = KEY, **more: Any) -> KafkaRecord:
    return KafkaRecord(partition, 0, T0_MS, key, b"", **more)


def test_a_record_in_another_partition_is_refused() -> None:
    for partition in {0, 1, 2, 3} - {OWN}:
        with pytest.raises(WrongPartitionError, match=f"its key belongs to {OWN}; send with the partitioner"):
            check_place(start(), _record(partition), Rules(partitions=4))


@pytest.mark.parametrize(
    ("record", "rules"),
    [
        pytest.param(_record(), Rules(partitions=4), id="its own"),
        pytest.param(_record(OWN + 1), Rules(), id="the number of partitions is not known"),
        pytest.param(
            _record(OWN + 1), Rules(partitions=4, version=CLOCKS_VERSION - 1), id="folded by earlier rules"
        ),
    ],
)
def test_what_is_taken(record: KafkaRecord, rules: Rules) -> None:
    check_place(start(), record, rules)


@pytest.mark.parametrize(
    "key",
    [None, b"", b"acme/C1", b"c1", b"\xff"],
    ids=["none", "empty", "another case", "no application", "no text"],
)
def test_another_key_is_invalid_wherever_it_lies(key: bytes | None) -> None:
    for partition in range(4):
        with pytest.raises(InvalidEventError):
            check_place(start(), _record(partition, key), Rules(partitions=4))


def test_an_event_that_is_sent_again_days_later_says_nothing_about_clocks() -> None:
    """It is skewed if it was at its first arrival, and counts when it comes again."""
    for off_s, skewed in ((0, 0), (300, 1), (-300, 1)):
        effects, states = Effects(), dict[Any, ConversationState]()
        for at, (made, headers) in enumerate(
            ((start(), ()), (like("a", at=off_s), ((FIRST_ARRIVAL, str(T0_MS).encode()),)))
        ):
            value = Encoder("conversation_event").encode({**made, "held_ms": 0})
            event = Decoder("conversation_event", sparse=True).decode(value)
            record = KafkaRecord(OWN, at, T0_MS + at * 3 * DAY_MS, KEY, value, headers)
            state = fold_record(record, event, states.get, effects, Rules(partitions=4))
            assert not isinstance(state, Refusal)
            states[KEY] = state
        assert effects.skewed == skewed, off_s
