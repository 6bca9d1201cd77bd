"""Ids of model calls follow from what was said, and carry their conversation."""

import re
from dataclasses import replace
from typing import Any

import pytest
from plaudit_producers.model_calls.call import CallAnswer, CallMessage
from plaudit_producers.model_calls.ids import event_id_of, message_ids
from plaudit_producers.model_calls.values import attachment_of, tool_call_of
from plaudit_producers.sdk.message_ids import conversation_of
from plaudit_schemas.contract.records import check_id

from tests.support.model_calls import chat

ASKED = chat("s: You help.", "u: Where is it?")
ANSWER = CallMessage("assistant", "On its way.")


def ids_of(*given: CallMessage, conversation: str = "c1") -> list[str]:
    return message_ids(conversation, given)[0]


def test_an_answer_has_the_id_that_it_has_in_the_next_calls_history() -> None:
    given, answers = message_ids("c1", ASKED, [CallAnswer(ANSWER)])
    assert ids_of(*ASKED, ANSWER, *chat("u: When?"))[:3] == [*given, *answers]


def test_they_are_what_every_process_has_made_since_the_first_release() -> None:
    assert ids_of(*ASKED) == [
        "pm-6NKWK3X7C2FXFBE09SE2PRY8D4@c1",
        "pm-2KTEZ7Z6K17J0829J2T4E6KMZ6@c1",
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(chat("s: You help.", "u: Where is that?"), id="another text"),
        pytest.param(chat("s: You help.", "t: Where is it?"), id="another role"),
        pytest.param(chat("s: You joke.", "u: Where is it?"), id="other instructions"),
        pytest.param(chat("s: You help.", "u: Hi", "u: Where is it?"), id="another message before"),
        pytest.param(
            (ASKED[0], replace(ASKED[1], attachments=(attachment_of("s3://b/cat.png"),))), id="an attachment"
        ),
    ],
)
def test_what_was_said_differently_is_another_message(other: tuple[CallMessage, ...]) -> None:
    assert ids_of(*other)[-1] != ids_of(*ASKED)[-1]


def test_instructions_that_differ_after_a_heading_are_two() -> None:
    assert ids_of(*chat("s: # Role\nYou help.")) != ids_of(*chat("s: # Role\nYou joke."))


def test_equal_messages_of_two_conversations_are_two() -> None:
    assert ids_of(*ASKED) != ids_of(*ASKED, conversation="c2")


CALLS = tool_call_of("call-1", "find", '{"order": 7, "deep": true}')


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(CallMessage("assistant", "Yes.\n"), CallMessage("assistant", " Yes."), id="white space"),
        pytest.param(
            CallMessage("assistant", "Yes.", reasoning="hm"), CallMessage("assistant", "Yes."), id="reasoning"
        ),
        pytest.param(
            CallMessage("assistant", tool_calls=(CALLS,)),
            CallMessage("assistant", tool_calls=(tool_call_of("x", "find", '{"deep":true,"order":7}'),)),
            id="arguments written otherwise",
        ),
        pytest.param(
            CallMessage("system", "You help. Today is Thursday 26, 2026, 19:18:03."),
            CallMessage("system", "You help. Today is Thursday 27, 2026, 08:00:59."),
            id="a date in the instructions",
        ),
        pytest.param(
            CallMessage("system", "Answer from these documents:\nA"),
            CallMessage("system", "Answer from these documents:\nB"),
            id="what was looked up",
        ),
    ],
)
def test_what_comes_back_a_little_different_is_the_same_message(
    first: CallMessage, again: CallMessage
) -> None:
    assert ids_of(first, ASKED[1]) == ids_of(again, ASKED[1])


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param('{"a": 1', id="cut"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("", id="none at all"),
    ],
)
def test_arguments_that_are_no_json_are_taken_as_they_are(arguments: str) -> None:
    made = CallMessage("assistant", tool_calls=(tool_call_of("1", "f", arguments),))
    assert ids_of(made) == ids_of(made)


def test_a_reminder_at_the_end_of_every_call_does_not_change_the_ids_after_it() -> None:
    reminder = CallMessage("system", "It is 19:18.")
    _, (answer,) = message_ids("c1", [*ASKED, reminder], [CallAnswer(ANSWER)])
    again = ids_of(*ASKED, ANSWER, *chat("u: When?"), replace(reminder, content="It is 19:20."))
    assert again[2] == answer


def test_a_failed_call_is_not_an_empty_answer_and_a_cut_one_may_come_back() -> None:
    empty, part = CallMessage("assistant"), CallMessage("assistant", "On i")
    _, made = message_ids(
        "c1",
        ASKED,
        [
            CallAnswer(empty),
            CallAnswer(empty, status="error"),
            CallAnswer(part, status="cut"),
            CallAnswer(part),
        ],
    )
    assert len(set(made)) == 3
    assert made[2] == made[3] == ids_of(*ASKED, part)[-1]


@pytest.mark.parametrize(
    ("conversation", "carried"),
    [
        pytest.param("c1", True, id="short"),
        pytest.param("a@b/ü\n🚀", True, id="awkward"),
        pytest.param("x" * 98, True, id="the longest that fits"),
        pytest.param("x" * 99, False, id="too long"),
        pytest.param("\ud800", True, id="half a surrogate pair"),
    ],
)
def test_ids_are_valid_and_carry_a_conversation_that_fits(conversation: str, carried: bool) -> None:
    (made,) = ids_of(ASKED[0], conversation=conversation)
    check_id(made, "message_id")
    check_id(event_id_of(made), "event_id")
    assert conversation_of(made) == (conversation if carried else None)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("01K6A2B3C4D5E6F7G8H9J0KMNP", id="a ULID"),
        pytest.param("pm-@c1", id="nothing before the sign"),
        pytest.param("pm-QGKA4HA8YPY26KKVBG92A37BWC", id="no sign"),
        pytest.param("pm-QGKA4HA8YPY26KKVBG92A37BWC@", id="nothing after the sign"),
        pytest.param("pm-qgka4ha8ypy26kkvbg92a37bwc@c1", id="small letters"),
        pytest.param("chatcmpl-1@c1", id="of a provider"),
        pytest.param("pm-QGKA4HA8YPY26KKVBG92A37BWC@" + "x" * 99, id="too long"),
    ],
)
def test_other_ids_carry_none(other: str) -> None:
    assert conversation_of(other) is None


def test_event_ids_differ_from_message_ids() -> None:
    made = [event_id_of(each) for each in ids_of(*ASKED)]
    assert all(re.fullmatch(r"pe-[0-9A-Z]{26}", each) for each in made)
    assert len(set(made)) == 2


def any_message(**fields: Any) -> CallMessage:
    return CallMessage(**{"role": "user", **fields})


def test_texts_that_utf_8_cannot_encode_have_ids() -> None:
    assert ids_of(any_message(content="\ud83d")) != ids_of(any_message(content="\ud83e"))
