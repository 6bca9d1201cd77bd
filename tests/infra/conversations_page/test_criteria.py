"""What a search asks for, and whether a live conversation has it."""

from typing import Any

import pytest
from plaudit_consumers.datasets.finished_search import ConversationCriteria
from plaudit_infra.conversations_page.criteria import criteria_of, fits, is_low
from plaudit_producers import IdentityHash
from plaudit_stream_processors.fold import ConversationState

HASH = IdentityHash("k1", b"sixteen bytes or more")


@pytest.mark.parametrize(
    ("asked", "identity", "users"),
    [
        pytest.param("u1", None, ("u1",), id="no key"),
        pytest.param(" u1 ", HASH, ("u1", HASH("u1")), id="a raw id"),
        pytest.param(HASH("u1"), HASH, (HASH("u1"),), id="the hash itself"),
        pytest.param("", HASH, (), id="nobody"),
    ],
)
def test_a_user_is_found_by_id_and_by_hash(
    asked: str, identity: IdentityHash | None, users: tuple[str, ...]
) -> None:
    assert criteria_of({"user": asked}, identity).users == users


def test_a_request_becomes_criteria() -> None:
    asked = {"id": " c ", "model": "m@2", "rating": "low", "text": "two words", "other": "x"}
    assert criteria_of(asked, None) == ConversationCriteria("c", (), "m@2", True, ("two", "words"))
    assert criteria_of({"rating": "high"}, None) == ConversationCriteria()


@pytest.mark.parametrize(
    ("value", "low"),
    [
        pytest.param({"like": False}, True, id="thumb down"),
        pytest.param({"like": True}, False, id="thumb up"),
        pytest.param({"number": 2.9, "minimum": 1.0, "maximum": 5.0}, True, id="below the middle"),
        pytest.param({"number": 3.0, "minimum": 1.0, "maximum": 5.0}, False, id="the middle"),
        pytest.param({"number": 0.4, "minimum": None, "maximum": None}, True, id="no scale"),
        pytest.param({"name": "dwell_seconds", "number": 0.1}, False, id="a signal"),
        pytest.param({"text": "bad"}, False, id="a text"),
    ],
)
def test_what_a_low_rating_is(value: dict[str, Any], low: bool) -> None:
    assert is_low(value) is low


def _state() -> ConversationState:
    state = ConversationState("shop", "c1")
    state.facts = {"user_id": "u1", "model": {"id": "m", "version": "2"}}
    state.messages = {
        "q": {"message_id": "q", "content": "Где моя ПОСЫЛКА?"},
        "a": {"message_id": "a", "content": "Cafe\u0301", "model": {"id": "n"}},
        "b": {"message_id": "b"},
    }
    slot = {"message_id": "a", "feedback": {"value": ["plaudit.v1.Thumb", {"like": False}]}}
    state.feedback = {"s": slot, "t": {"message_id": None, "feedback": {}}}
    return state


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"conversation_id": "c1"}, True, id="the id"),
        pytest.param({"conversation_id": "c"}, False, id="the beginning of the id"),
        pytest.param({"users": ("u0", "u1")}, True, id="the user"),
        pytest.param({"users": ("u0",)}, False, id="another user"),
        pytest.param({"model": "m"}, True, id="the model"),
        pytest.param({"model": "m@2"}, True, id="the model and its version"),
        pytest.param({"model": "m@1"}, False, id="another version"),
        pytest.param({"model": "n"}, True, id="the model of one answer"),
        pytest.param({"low_rating": True}, True, id="a low rating"),
        pytest.param({"words": ("посылка", "caf\u00e9")}, True, id="words in any case and form"),
        pytest.param({"words": ("посылка", "tea")}, False, id="only one of the words"),
        pytest.param({"model": "m", "users": ("u0",)}, False, id="only one of two"),
    ],
)
def test_whether_a_conversation_fits(criteria: dict[str, Any], expected: bool) -> None:
    assert fits(_state(), ConversationCriteria(**criteria)) is expected
