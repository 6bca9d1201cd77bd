"""Two processes add messages to one conversation, and their events overtake each other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.topics import FINISHED

from tests.integration.test_clocks import sent
from tests.support.line import Line
from tests.support.sinks import Sinks, rows
from tests.support.training import training_rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_an_answer_has_its_own_question_as_the_prompt(
    line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=1)
    backend = FeedbackProducer("shop", connection=one.connection)
    page = FeedbackProducer("shop", connection=one.connection)
    with backend, page:
        chat = backend.start_conversation(consent="granted", user_id="u")
        question = chat.add_message("user", "Where is my order?", parent_id="")
        assert backend.flush(60) == 0
        # The page's next message reaches Kafka before the answer that the user read.
        early = page.conversation(chat.conversation_id).add_message("user", "And the other one?")
        assert page.flush(60) == 0
        answer = chat.add_message("assistant", "It arrives tomorrow.")
        looked = chat.add_message("tool", "order 2", tool_call_id="1")
        chat.like(answer)
        chat.end()
        assert backend.flush(60) == 0
    one.start_worker()
    one.wait_folded()
    (record,) = one.read(FINISHED)
    finished = Decoder("finished_conversation").decode(record.value or b"")
    placed = {message["message_id"]: message["parent_id"] for message in finished["messages"]}
    assert placed == {question: "", early: question, answer: question, looked: answer}
    sinks(one).once()
    (good,) = training_rows(tmp_path / "out", tmp_path / "snapshot", "sft")
    assert good["prompt"] == [{"role": "user", "content": "Where is my order?"}]
    assert good["completion"] == [{"role": "assistant", "content": "It arrives tomorrow."}]
    assert good["parent_guessed"] is False, "the answer named its parent"
    assert flags(tmp_path / "out") == {question: False, early: True, answer: False, looked: False}


def flags(out: Path) -> dict[str, bool]:
    """Message id -> whether its parent is a guess, in the one row of `conversations`."""
    (row,) = rows(out, "conversations")
    return {message["message_id"]: bool(message["parent_guessed"]) for message in row["messages"]}


def test_a_row_whose_parents_may_be_wrong_says_so(
    line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    """Page and backend name no parents and overtake each other: the prompt is a guess."""
    one = line(partitions=1)

    def added(message_id: str, role: str, producer: str) -> tuple[bytes, bytes]:
        body = {"message_id": message_id, "role": role, "content": message_id, "status": "complete"}
        return sent("c", "AddMessage", body, clock_s=0, producer=producer)

    rater = {"kind": "user"}
    liked = {
        "message_id": "first answer",
        "feedback": {
            "id": "f", "rater": rater, "aspect": "satisfaction", "kind": "thumb",
            "value": ("plaudit.v1.Thumb", {"like": True}),
        },
    }  # fmt: skip
    one.send(
        [
            sent("c", "StartConversation", {"consent": "granted"}, clock_s=0, producer="backend"),
            added("first question", "user", "page"),
            added("second question", "user", "page"),  # it overtakes the answer to the first
            added("first answer", "assistant", "backend"),
            sent("c", "UpdateMessage", liked, clock_s=0, producer="page"),
            sent("c", "EndConversation", {"reason": "closed"}, clock_s=0, producer="backend"),
        ]
    )
    one.start_worker()
    one.wait_folded()
    sinks(one).once()
    assert flags(tmp_path / "out") == {
        "first question": False,
        "second question": True,
        "first answer": True,
    }
    for subset in ("sft", "kto"):
        (row,) = training_rows(tmp_path / "out", tmp_path / "snapshot", subset)
        assert row["parent_guessed"] is True, subset
    one.check_exact()
