"""When an answer was complete: the state keeps the time of that record, for scorers."""

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_stream_processors.fold import SCORES_VERSION, Rules
from plaudit_stream_processors.state.fields import changed_fields, conversation_of

from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, message, start

WHOLE, LATER, LATEST = T0_MS + 5_000, T0_MS + 6_000, T0_MS + 7_000


def completed(folded: Folded) -> int | None:
    found: int | None = folded.state.messages["a"].get("completed_ms")
    return found


def test_an_answer_keeps_the_brokers_time_of_its_record() -> None:
    folded = Folded().add(start()).add(message("a", at=1), arrived_ms=WHOLE)
    assert completed(folded) == WHOLE


@pytest.mark.parametrize("status", ["partial", "cut", "error"])
def test_an_answer_that_was_not_whole_keeps_the_time_of_the_record_that_completed_it(status: str) -> None:
    folded = Folded().add(start()).add(message("a", status=status, content="It"), arrived_ms=WHOLE)
    assert completed(folded) is None
    folded.add(message("a", status=status, content="It is"), arrived_ms=LATER)
    assert completed(folded) is None
    folded.add(message("a", at=2, content="It is so."), arrived_ms=LATEST)
    assert completed(folded) == LATEST


def test_what_comes_afterwards_does_not_move_it() -> None:
    folded = Folded().add(start()).add(message("a"), arrived_ms=WHOLE)
    again = event(
        "AddMessage", {"message_id": "a", "role": "assistant", "content": "text of a"}, at=1, event_id="again"
    )
    folded.add(again, message("a"), message("a", content="other"), arrived_ms=LATER)
    folded.add(feedback("a", ("Thumb", {"like": True})), end(), arrived_ms=LATEST)
    assert (completed(folded), len(folded.refused), folded.effects.duplicates) == (WHOLE, 1, 1)


@pytest.mark.parametrize("status", ["unknown", "partial", "cut", "error"])
def test_an_answer_that_is_not_complete_has_none(status: str) -> None:
    assert completed(Folded().add(start(), message("a", status=status))) is None


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_only_answers_have_one(role: str) -> None:
    assert completed(Folded().add(start(), message("a", role))) is None


def test_earlier_rules_keep_none_and_later_ones_only_what_they_see() -> None:
    folded = Folded(Rules(version=SCORES_VERSION - 1)).add(start(), message("a"), message("b", status="cut"))
    assert completed(folded) is None
    folded.rules = Rules()
    folded.add(message("b", at=3, content="whole"))
    messages = folded.state.messages
    assert ("completed_ms" in messages["a"], messages["b"]["completed_ms"]) == (False, T0_MS + 3_000)


def test_it_is_in_redis_and_not_in_finished_conversations() -> None:
    folded = Folded().add(start()).add(message("a"), arrived_ms=WHOLE).add(end())
    flat = [part if isinstance(part, bytes) else part.encode() for part in changed_fields(folded.state)]
    read = conversation_of("acme/c1", dict(zip(flat[::2], flat[1::2], strict=True)))
    assert read.messages["a"]["completed_ms"] == WHOLE
    finished = Encoder("finished_conversation").encode(folded.effects.finished[0].record)
    assert "completed_ms" not in Decoder("finished_conversation").decode(finished)["messages"][0]
