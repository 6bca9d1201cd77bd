"""From an answer to the root: what is read, and what the model gets."""

import asyncio
from functools import partial

import pytest
from plaudit_schemas.models.inputs import InputKind
from plaudit_stream_processors.scoring.paths import Path, only_calls_tools, read_ancestors, skip_of
from plaudit_stream_processors.state.messages import FoundMessages

from tests.stream_processors.scoring.builders import KEY, FakeState, answer, entity

CHAT = (
    entity("s", "", "system", content="Be kind."),
    entity("q1", "s", "user", content="Hi?"),
    entity("a1", "q1", content="Hi."),
    entity("q2", "a1", "user", content="Who?"),
    entity("t", "q2", "tool", content="42", tool_call_id="c1"),
    entity("a2", "t", content="Me."),
)


def walked(state: FakeState, kind: InputKind, *ids: str) -> list[Path]:
    paths = [Path(answer(one), state.entities[one]) for one in ids]
    asyncio.run(read_ancestors(partial(state.read, 0, 1), paths, kind))
    return paths


@pytest.mark.parametrize(
    ("kind", "texts", "reads"),
    [
        ("answer", ["Me."], 0),
        ("exchange", ["Who?", "42", "Me."], 2),
        ("history", ["Be kind.", "Hi?", "Hi.", "Who?", "42", "Me."], 5),
    ],
    ids=str,
)
def test_no_more_is_read_than_the_model_is_given(kind: InputKind, texts: list[str], reads: int) -> None:
    state = FakeState(*CHAT)
    (path,) = walked(state, kind, "a2")
    assert [turn.content for turn in path.turns] == texts
    assert state.reads == reads
    assert path.missing == ""


def test_answers_of_one_level_share_a_read() -> None:
    state = FakeState(*CHAT, entity("b2", "t", content="You."))
    first, second = walked(state, "history", "a2", "b2")
    assert state.reads == 5
    assert [turn.content for turn in first.turns[:-1]] == [turn.content for turn in second.turns[:-1]]


def test_a_message_that_has_not_come_ends_the_path() -> None:
    (path,) = walked(FakeState(entity("a", "q")), "history", "a")
    assert (len(path.turns), path.missing) == (1, "q")


def test_messages_that_name_each_other_as_parents_end_the_path() -> None:
    state = FakeState(entity("a", "b"), entity("b", "c", "user"), entity("c", "a", "user"))
    (path,) = walked(state, "history", "a")
    assert len(path.turns) == 3
    assert path.missing == ""


def test_turns_keep_reasoning_and_tools() -> None:
    call = {"id": "c1", "name": "dim", "arguments": '{"percent": 30}'}
    (path,) = walked(FakeState(entity("a", reasoning="hm", tool_calls=[call])), "history", "a")
    (turn,) = path.turns
    assert (turn.reasoning, turn.tool_calls[0].arguments) == ("hm", '{"percent": 30}')


def test_the_time_of_an_answer_is_that_of_its_completion() -> None:
    assert Path(answer(at_ms=9000), entity(completed_ms=4000)).completed_ms == 4000
    assert Path(answer(at_ms=9000), entity()).completed_ms == 9000  # a state of earlier rules


def test_an_answer_that_only_calls_tools_has_no_text_to_score() -> None:
    calls = entity(content=" ", tool_calls=[{"id": "c", "name": "n", "arguments": "{}"}])
    assert only_calls_tools(calls, "answer")
    assert not only_calls_tools(calls, "history")
    assert not only_calls_tools(entity(content=""), "answer")  # an empty answer is an answer


@pytest.mark.parametrize(
    ("held", "erased", "reason"),
    [
        (entity(), False, None),
        (None, False, "no_state"),
        (None, True, "erased"),
        (entity(events=["another"]), False, "refused"),
        (entity(status="cut"), False, "status"),
    ],
    ids=["complete", "expired", "erased", "refused by the fold", "complete in the log alone"],
)
def test_the_state_decides_whether_an_answer_is_scored(
    held: dict[str, object] | None, erased: bool, reason: str | None
) -> None:
    found = FoundMessages()
    if held is not None:
        found.add(KEY, "a", held)
    if erased:
        found.add_erased(KEY)
    assert skip_of(answer(), found) == reason


def test_a_misplaced_record_is_refused_only_if_the_fold_has_refused_it() -> None:
    found = FoundMessages()
    assert skip_of(answer()._replace(misplaced=True), found) == "refused"
    found.add(KEY, "a", entity())  # the topic has more partitions than when the scorer began
    assert skip_of(answer()._replace(misplaced=True), found) is None
