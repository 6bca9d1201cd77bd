"""The answers in canonical rows, with the turns before them, as the scorer in the stream sees them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from plaudit_schemas.models.inputs import InputKind, ToolUse, Turn, Turns

COLUMNS: Final = ("application", "conversation_id", "erased", "messages", "feedback")
"""The columns of a row that are read."""

LeftOut = Literal["status", "tool_calls", "erased", "input", "output"]
"""Why an answer gets no score.

`status`: it is not complete. `tool_calls`: it has no text but calls tools, and the model would not see them.
`erased`: its conversation was. `input`: the model's chat template does not take it. `output`: the model gave
no number.
"""
Row = Mapping[str, Any]


class StoredAnswer(NamedTuple):
    """A complete assistant message of a row.

    Attributes:
        turns: from the root of the conversation, as far as its messages are known, to the answer.
        feedback: of this message, as columns of the row.
    """

    application: str
    conversation_id: str
    message_id: str
    turns: Turns
    feedback: Sequence[Row]


def answers_of(row: Row, kind: InputKind) -> Iterator[StoredAnswer | LeftOut]:
    """Each assistant message of a row, or why it gets no score.

    Args:
        kind: what the model is given.
    """
    if row["erased"]:
        yield "erased"
        return
    messages = {message["message_id"]: message for message in row["messages"] or ()}
    said = _by_message(row["feedback"] or ())
    for message_id, message in messages.items():
        if message["role"] != "assistant":
            continue
        if message["status"] != "complete":
            yield "status"
        elif kind != "history" and message["tool_calls"] and not (message["content"] or "").strip():
            yield "tool_calls"
        else:
            turns = turns_before(messages, message)
            judged = said.get(message_id, ())
            yield StoredAnswer(row["application"], row["conversation_id"], message_id, turns, judged)


def turns_before(messages: Mapping[str, Row], answer: Row) -> Turns:
    """The turns from the topmost message that is known to an answer."""
    upwards, seen = [answer], {answer["message_id"]}
    while (parent := upwards[-1]["parent_id"]) and parent not in seen and parent in messages:
        seen.add(parent)
        upwards.append(messages[parent])
    return [_turn(message) for message in reversed(upwards)]


def _turn(message: Row) -> Turn:
    calls = tuple(
        ToolUse(call["id"] or "", call["name"] or "", call["arguments"] or "")
        for call in message["tool_calls"] or ()
    )
    return Turn(
        message["role"], message["content"] or "", message["reasoning"], calls, message["tool_call_id"]
    )


def _by_message(feedback: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for item in feedback:
        if item["message_id"]:
            found.setdefault(item["message_id"], []).append(item)
    return found
