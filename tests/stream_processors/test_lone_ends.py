"""Ends of conversations that are not here leave nothing, and what older rules kept of them is begun again."""

from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import CAPS_VERSION, ConversationState, Effects, Rules, fold_record
from plaudit_stream_processors.state.commit import conversation_changes

from tests.stream_processors.builders import T0_MS, Folded, end, message, start


def test_an_end_of_a_conversation_that_is_not_here_leaves_nothing() -> None:
    folded = Folded().add(end())
    assert folded.state.is_new()
    assert (folded.effects.ignored, folded.effects.finished) == (1, [])
    folded.add(start(at=10), message("a", at=11), end(at=12))
    (emission,) = folded.effects.finished
    assert emission.record["events"] == 3, "the end before the start is not counted"


def test_older_rules_keep_a_hollow_state() -> None:
    folded = Folded(Rules(version=CAPS_VERSION - 1)).add(end())
    assert folded.state.is_hollow()
    assert not folded.add(start(at=10)).state.is_hollow()


def test_a_hollow_state_is_begun_again_and_nothing_stays_of_it() -> None:
    hollow = Folded(Rules(version=CAPS_VERSION - 1)).add(end()).state
    record = KafkaRecord(0, 1, T0_MS, conversation_key("acme", "c1"), b"value")
    state = fold_record(record, start(at=10), lambda _key: hollow, Effects(), Rules())
    assert isinstance(state, ConversationState)
    assert (state.events, len(state.seen), state.is_open) == (1, 1, True)
    assert conversation_changes(state)[0] == "anew open"
    assert conversation_changes(state)[0] == "kept", "once is enough"
