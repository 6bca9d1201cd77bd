"""The SDK's own checks refuse what the pydantic models refuse, and nothing else."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import (
    AddMessage,
    AnyBody,
    CompareMessages,
    ConversationEvent,
    EndConversation,
    EraseConversation,
    Model,
    StartConversation,
    TokenUsage,
    ToolCall,
    UpdateConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Feedback, Label, Number, Signal, Thumb
from plaudit_schemas.contract.records import validate
from plaudit_schemas.contract.rules import tags_problem
from plaudit_schemas.errors import InvalidEventError

BODIES: dict[str, AnyBody] = {
    "a start with its user": StartConversation(model=Model(id="m"), user_id="u", tags={"a": "b"}),
    "consent granted": UpdateConversation(consent="granted"),
    "a tool's call": AddMessage(
        role="tool", content="", tool_calls=[ToolCall(id="1", name="n", arguments="{}")], usage=TokenUsage()
    ),
    "a thumb": UpdateMessage(message_id="m", feedback=Feedback(aspect="a", value=Thumb(like=True))),
    "a number": UpdateMessage(feedback=Feedback(aspect="a", value=Number(number=1, minimum=0, maximum=2))),
    "a label that is half sure": UpdateMessage(
        feedback=Feedback(aspect="a", value=Label(labels=["x"]), confidence=0.5)
    ),
    "a signal": UpdateMessage(feedback=Feedback(aspect="a", value=Signal(name="copied"))),
    "a signal withdrawn": UpdateMessage(feedback=Feedback(aspect="a", kind="signal", signal="copied")),
    "a comparison of three": CompareMessages(candidates=["a", "b", "c"], ranking=[["a"], ["b", "c"]]),
    "a bare end": EndConversation(),
    "an erasure with a reason": EraseConversation(reason="x"),
}
RECORDS = [
    ConversationEvent(application="a", conversation_id="c", body=body).to_record() for body in BODIES.values()
]

# True and 1 are alike to pydantic's lax mode, which turns "1" into 1 too: types are the writer's business.
REPLACEMENTS: list[Any] = [
    "",
    "x",
    "x" * 129,
    "x" * 1_048_577,
    -1,
    7,
    2.5,
    float("inf"),
    [],
    ["x"],
    {},
    {"k": "v"},
]


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a record that can be replaced; `(name, dict)` pairs by their dict."""
    found = [path] if path else []
    if isinstance(node, dict):
        for key, value in node.items():
            found += paths(value, (*path, key))
    elif isinstance(node, tuple):
        found += paths(node[1], (*path, 1))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            found += paths(value, (*path, index))
    return found


def replaced(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(node, tuple):
        return (node[0], replaced(node[1], path[1:], value))
    node[path[0]] = replaced(node[path[0]], path[1:], value)
    return node


def accepted_by_pydantic(record: Record) -> bool:
    try:
        event = ConversationEvent.from_record(record)
    except (InvalidEventError, TypeError, ValueError, KeyError, AttributeError):
        return False
    same: bool = _without_none(event.to_record()) == _without_none(record)  # lax conversions do not count
    return same


def _without_none(node: Any) -> Any:
    """The same without fields of None, which a record may leave out."""
    if isinstance(node, dict):
        return {name: _without_none(value) for name, value in node.items() if value is not None}
    if isinstance(node, (list, tuple)):
        return type(node)(_without_none(value) for value in node)
    return node


def accepted(record: Record) -> bool:
    try:
        validate(record)
    except InvalidEventError:
        return False
    return True


@pytest.mark.parametrize("record", RECORDS, ids=list(BODIES))
def test_what_pydantic_made_is_accepted(record: Record) -> None:
    validate(record)


@given(record=st.sampled_from(RECORDS), data=st.data())
def test_both_refuse_the_same(record: Record, data: st.DataObject) -> None:
    places = [path for path in paths(record) if path not in (("body",), ("body", 1)) and path[-1] != "value"]
    path = data.draw(st.sampled_from(places))
    changed = replaced(deepcopy(record), path, data.draw(st.sampled_from(REPLACEMENTS)))
    assert accepted(changed) == accepted_by_pydantic(changed), (path, changed)


def test_the_comparison_would_see_a_difference() -> None:
    record = deepcopy(RECORDS[1])
    record["body"][1]["consent"] = "maybe"
    assert not accepted(record)
    assert not accepted_by_pydantic(record)
    record["body"][1]["consent"] = "denied"
    assert accepted(record)
    assert accepted_by_pydantic(record)


@pytest.mark.parametrize("field", ["body", "application", "event_id"])
def test_a_missing_field_is_named(field: str) -> None:
    record = {key: value for key, value in RECORDS[0].items() if key != field}
    with pytest.raises(InvalidEventError, match=field):
        validate(record)


def test_the_tags_of_all_updates_together_keep_within_the_limit() -> None:
    known = [str(number) for number in range(30)]
    assert tags_problem(known, ["a", "b"]) is tags_problem(known, known) is tags_problem([], []) is None
    problem = tags_problem(known, ["a", "b", "c", "29"])
    assert str(problem) == "tags would be 33 with those of earlier events; 32 are allowed"
