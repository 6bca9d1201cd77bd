"""What a process remembers: a history is sent once, and a sliding window goes on where it was."""

from collections.abc import Sequence

import pytest
from plaudit_producers.model_calls.call import CallMessage
from plaudit_producers.model_calls.ids import message_ids
from plaudit_producers.model_calls.memory import CallMemory, KnownConversation
from plaudit_producers.model_calls.recorder import CallRecorder
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import AddMessage

from tests.support.model_calls import FoldedLog, call, chat

TURNS = [f"{'ua'[number % 2]}: {number}" for number in range(20)]


def texts(producer: InMemoryProducer) -> list[str]:
    return [event.body.content for event in producer.events if isinstance(event.body, AddMessage)]


def place_and_send(known: KnownConversation, given: Sequence[CallMessage]) -> list[str]:
    """Returns the ids of the messages that had to be placed."""
    placed, _ = known.placed("c1", given)
    for each in placed:
        known.add(each.message_id, each.message)
    return [each.message_id for each in placed]


def record_turns(recorder: CallRecorder, *, window: int | None = None, system: str = "s: Help.") -> None:
    """A chat of ten questions, whose application sends all that was said or the last messages."""
    for at in range(0, len(TURNS), 2):
        shown = TURNS[: at + 1] if window is None else TURNS[max(0, at + 1 - window) : at + 1]
        instructions = system.format("abcdefghijklmnopqrstuvwxyz"[at:])
        recorder.record(call(chat(instructions, *shown), TURNS[at + 1][2:].strip()))


@pytest.mark.parametrize(
    ("window", "system"),
    [
        pytest.param(None, "s: Help.", id="whole history"),
        pytest.param(None, "s: {0}: help them with what they have ordered.", id="changing instructions"),
        pytest.param(2, "s: Help.", id="window of one answer"),
        pytest.param(3, "s: Help.", id="window of one turn"),
        pytest.param(7, "s: Today is {0}. Help.", id="window and changing instructions"),
    ],
)
def test_each_message_is_sent_once_and_they_are_one_line(window: int | None, system: str) -> None:
    producer = InMemoryProducer()
    record_turns(CallRecorder(producer), window=window, system=system)
    assert len(producer.events) == len(TURNS) + 2  # with the start and the instructions
    folded = FoldedLog(producer)
    assert [path[1:] for path in folded.paths()] == [[text[2:].strip() for text in TURNS]]
    assert (folded.effects.duplicates, folded.refused) == (0, [])


def test_a_window_in_another_process_begins_a_branch_and_goes_on_there() -> None:
    one, other = InMemoryProducer(), InMemoryProducer()
    record_turns(CallRecorder(one), window=5)
    recorder = CallRecorder(other)
    recorder.record(call(chat("s: Help.", *TURNS[-4:], "u: more"), "A"))
    recorder.record(call(chat("s: Help.", *TURNS[-2:], "u: more", "a: A", "u: still"), "B"))
    assert [len(path) for path in FoldedLog(one, other).paths()] == [21, 9]


def test_a_question_that_is_asked_again_is_not_taken_for_a_window() -> None:
    """A model that is shown one question only: what it was shown is all that its answer follows from."""
    producer = InMemoryProducer()
    recorder = CallRecorder(producer)
    recorder.record(call(chat("u: Hi", "a: Hi", "u: Where?"), "Here."))
    for question in ("u: Where?", "u: When?", "u: Where?"):
        recorder.record(call(chat(question), question[3:]))
    assert FoldedLog(producer).paths() == [
        ["Hi", "Hi", "Where?", "Here."],
        ["When?", "When?"],
        ["Where?", "Where?"],
    ]


def test_the_longest_overlap_counts() -> None:
    producer = InMemoryProducer()
    recorder = CallRecorder(producer)
    said = ["u: go", "a: yes", "u: one", "a: yes", "u: two", "a: yes"]
    for at in range(1, len(said), 2):
        recorder.record(call(chat(*said[:at]), said[at][3:]))
    recorder.record(call(chat("a: yes", "u: two", "a: yes", "u: on"), "end"))
    assert FoldedLog(producer).paths() == [["go", "yes", "one", "yes", "two", "yes", "on", "end"]]


def test_an_edited_question_and_another_answer_are_branches() -> None:
    producer = InMemoryProducer()
    recorder = CallRecorder(producer)
    first = recorder.record(call(chat("u: a"), "1"))
    again = recorder.record(call(chat("u: a"), "2"))
    recorder.record(call(chat("u: a", "a: 1", "u: b"), "3"))
    recorder.record(call(chat("u: a", "a: 1", "u: b!"), "4"))
    folded = FoldedLog(producer)
    assert folded.paths() == [["a", "1", "b", "3"], ["a", "1", "b!", "4"], ["a", "2"]]
    assert [folded.state.messages[each[0]]["parent_id"] for each in (first, again)] == 2 * [
        folded.state.messages[first[0]]["parent_id"]
    ]


def test_what_was_forgotten_is_sent_again_under_the_same_ids() -> None:
    producer, memory = InMemoryProducer(), CallMemory(capacity=30)
    recorder = CallRecorder(producer, memory)
    record_turns(recorder)
    recorder.record(call(chat("u: x"), "y", conversation_id="c2"))
    recorder.record(call(chat(*["u: x"] * 20), "y", conversation_id="c3"))  # c1 is forgotten
    producer_again = InMemoryProducer()
    CallRecorder(producer_again, memory).record(call(chat("s: Help.", *TURNS, "u: new"), "A"))
    assert len(producer_again.events) == len(TURNS) + 4
    folded = FoldedLog(producer, producer_again)
    assert folded.effects.duplicates == len(TURNS) + 2
    assert [len(path) for path in folded.paths()] == [len(TURNS) + 3]


def test_a_conversation_larger_than_the_memory_is_recorded() -> None:
    producer = InMemoryProducer()
    record_turns(CallRecorder(producer, CallMemory(capacity=3)))
    folded = FoldedLog(producer)
    assert [len(path) for path in folded.paths()] == [len(TURNS) + 1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [], id="plain"),
        pytest.param(["s: Be kind to whoever calls us, at any time: {}"], [], id="new instructions"),
        pytest.param([], ["s: It is {}."], id="reminder at the end"),
    ],
)
def test_a_known_history_is_not_hashed_anew(before: list[str], after: list[str]) -> None:
    """Long chats would make each of their calls slower."""
    said = [f"{'ua'[number % 2]}: {number}" for number in range(9)]
    known = KnownConversation()
    for time, length in (("9:00", 7), ("9:01", 9)):
        given = chat(*(text.format(time) for text in (*before, *said[:length], *after)))
        placed = place_and_send(known, given)
        assert set(placed) <= set(message_ids("c1", given)[0])
    assert len(placed) == 2 + len(after)


def test_a_message_that_was_lost_long_ago_is_sent_again() -> None:
    known = KnownConversation()
    first = place_and_send(known, chat("u: a"))
    place_and_send(known, chat("u: a", "a: 1", "u: b"))
    known.forget(first[0])
    assert place_and_send(known, chat("u: a", "a: 1", "u: b", "a: 2", "u: c"))[0] == first[0]


def test_a_history_whose_end_was_not_sent_is_placed_again() -> None:
    known, given = KnownConversation(), chat("u: a", "a: 1", "u: b")
    first, _ = known.placed("c1", given)
    known.add(first[0].message_id, first[0].message)
    assert known.placed("c1", given)[0] == first


def test_conversations_of_which_nothing_was_delivered_are_forgotten() -> None:
    """A long outage must not fill the memory with the names of conversations."""
    memory = CallMemory()
    for number in range(3):
        memory.add(f"c{number}", "m1")
        memory.note_lost(f"c{number}", "m1")
    memory.note_lost("c9", "m1")
    memory.forget_lost()
    assert len(memory) == 0


def test_conversations_count_even_if_nothing_is_known_of_them() -> None:
    memory = CallMemory(capacity=5)
    for number in range(100):
        memory.conversation(f"c{number}")
    assert len(memory) == 5
    memory.add("c99", "m1")
    assert len(memory) == 4
