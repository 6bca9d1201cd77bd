"""Which events of a batch count: by the live state, and by a fold of one's own where that is gone."""

import pytest
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.acceptance import EventAcceptance, KeptStates

from tests.stream_processors.builders import end, event, like, message, start
from tests.stream_processors.review_queue.builders import (
    DAY_MS,
    PARTITION,
    PARTITIONS,
    RULES,
    Log,
    answered,
    arrival,
    rubric,
)


def chat(*more: dict) -> Log:  # type: ignore[type-arg]  # events of tests
    return Log(start(), message("q1", "user"), message("a1", at=2), *more)


def test_what_the_fold_took_is_accepted_with_its_state() -> None:
    found = chat(like("a1", at=3)).accepted()
    assert [one.offset for one in found] == [0, 1, 2, 3]
    assert set(found[0].state.messages) == {"q1", "a1"}


def test_what_the_fold_refused_is_not_accepted() -> None:
    log = chat(message("a1", at=3, content="other"))
    assert len(log.refused) == 1
    assert [one.offset for one in log.accepted()] == [0, 1, 2]


def test_words_that_came_too_late_for_the_state_are_accepted_and_messages_are_not() -> None:
    late = arrival(0) + 4 * DAY_MS
    log = chat(end(9))
    log.add(like("a1", at=20), arrived_ms=late).add(message("a9", at=21), arrived_ms=late + 1)
    assert [one.offset for one in log.accepted()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("gone", ["expired", "absent"])
def test_where_the_state_is_gone_the_log_is_folded_again(gone: str) -> None:
    log = chat(message("a1", at=3, content="other"), end(9))
    log.expire()
    found = log.accepted(loaded=log.live() if gone == "expired" else {})
    assert [one.offset for one in found] == [0, 1, 2, 4]
    assert found[-1].state.messages["a1"]["content"] == "text of a1"
    assert found[-1].state.messages["a1"]["parent_id"] == "q1"


def test_a_conversation_that_expires_between_two_batches_stays_known() -> None:
    log = chat()
    acceptance = EventAcceptance(RULES, KeptStates())
    log.accepted(acceptance=acceptance)
    log.add(like("a1", at=4), end(9)).expire()
    found = log.accepted(acceptance=acceptance, since=3)
    assert [one.offset for one in found] == [3, 4]
    assert "a1" in found[0].state.messages


def test_late_words_on_an_expired_conversation_are_accepted() -> None:
    given = rubric()
    log = chat(end(9)).expire()
    log.add(*answered(given, {"helpful": True}), arrived_ms=arrival(0) + 5 * DAY_MS)
    assert [one.offset for one in log.accepted(since=4)] == [4]


def test_of_an_erased_conversation_only_the_erasure_is_accepted() -> None:
    log = chat(event("EraseConversation", {"reason": "asked"}, at=5))
    assert [one.offset for one in log.accepted()] == [3]


def test_a_record_under_another_key_or_in_another_partition_is_not_accepted() -> None:
    log = chat()
    log.add(like("a1", at=5), key="acme/other")
    assert [one.offset for one in log.accepted()] == [0, 1, 2]
    other = Log().add(start(), partition=(PARTITION + 1) % PARTITIONS)
    assert other.accepted(loaded={}) == []


def test_the_oldest_states_are_forgotten_past_the_bound() -> None:
    kept = KeptStates(most_bytes=10_000)
    for number in range(5):
        state = ConversationState("acme", f"c{number}")
        state.size = 2000
        kept.keep(state)
    assert [number for number in range(5) if kept.find(f"acme/c{number}")] == [3, 4]
    kept.forget("acme/c4")
    assert kept.find("acme/c4") is None
