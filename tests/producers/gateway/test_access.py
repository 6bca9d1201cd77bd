"""Who may write what: rules without a server, each of them broken once."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from plaudit_producers.gateway.access.principals import (
    _ANSWER_FIELDS,
    _MODEL_FIELDS,
    _PAGE_BODIES,
    ApiRole,
    Grant,
    PageScope,
    Principal,
    complete_record,
    forbidden_reason,
)
from plaudit_schemas.contract.events import BODIES
from plaudit_schemas.contract.json_form import record_of

from tests.support.gateway import like, message

PAGE = PageScope("c1", "u-1")
BODY = message("x")["body"]
TRUSTED = PageScope("c1", "u-1", frozenset(("user", "assistant")))


def verdict(principal: Principal, document: dict[str, Any]) -> str | None:
    record = record_of(copy.deepcopy(document))
    complete_record(principal, record)
    return forbidden_reason(principal, record)


CARRYING = "pm-01K6A2B3C4D5E6F7G8H9J0KMNP@c-7"


def body_alone(kind: str, **fields: Any) -> dict[str, Any]:
    return {"body": {"type": kind, **fields}}


def body(kind: str, **fields: Any) -> dict[str, Any]:
    return {"conversation_id": "c1", "body": {"type": kind, **fields}}


COMPARE = {"candidates": ["a", "b"], "ranking": [["a"]]}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(message("hello"), id="message"),
        pytest.param(message("hello", conversation=None), id="message without its conversation"),
        pytest.param(like("m1"), id="like"),
        pytest.param(like(None, id="u-1", kind="user"), id="like of the whole conversation"),
        pytest.param(like("m1", kind="user"), id="like as a user"),
        pytest.param(body("CompareMessages", **COMPARE), id="comparison"),
        *(
            pytest.param(body("EndConversation", reason=reason), id=f"end {reason}")
            for reason in ("closed", "cleared", "error")
        ),
        pytest.param({**message("hello"), "application": "shop", "source": "gateway"}, id="envelope in full"),
    ],
)
def test_a_page_speaks_for_its_user_in_its_conversation(document: dict[str, Any]) -> None:
    assert verdict(Principal("shop", "k", page=PAGE), document) is None


@pytest.mark.parametrize(
    ("document", "named"),
    [
        pytest.param(message("hello", conversation="c2"), "conversation_id", id="another conversation"),
        pytest.param(message("hello", conversation="C1"), "conversation_id", id="conversation in capitals"),
        pytest.param(message("hello", conversation="c1 "), "conversation_id", id="conversation with a blank"),
        pytest.param({**message("hello"), "application": "other"}, "application", id="another application"),
        pytest.param({**message("hello"), "source": "sdk"}, "source", id="source sdk"),
        pytest.param({**message("hello"), "source": "sweeper"}, "source", id="source sweeper"),
        pytest.param(message("hello", role="assistant"), "role", id="role assistant"),
        pytest.param(message("hello", role="system"), "role", id="role system"),
        pytest.param(message("hello", role="tool"), "role", id="role tool"),
        pytest.param(like("m1", kind="reviewer"), "rater.kind", id="rated by a reviewer"),
        pytest.param(like("m1", kind="model"), "rater.kind", id="rated by a model"),
        pytest.param(like("m1", kind="unknown"), "rater.kind", id="rated by an unknown kind"),
        pytest.param(like("m1", id="u-2"), "rater.id", id="rated by another user"),
        pytest.param(
            body("CompareMessages", **COMPARE, rater={"kind": "reviewer"}),
            "rater.kind",
            id="compared by a reviewer",
        ),
        pytest.param(
            body("CompareMessages", **COMPARE, rater={"id": "u-2"}), "rater.id", id="compared by another user"
        ),
        pytest.param(body("StartConversation", user_id="u-2"), "user_id", id="start of another user"),
        pytest.param(body("UpdateConversation", user_id="u-2"), "user_id", id="update of another user"),
        pytest.param(
            body("StartConversation", continues="c0"), "continues", id="start that continues another"
        ),
        pytest.param(body("StartConversation", model={"id": "x"}), "model", id="start with a model"),
        pytest.param(body("StartConversation", variants={"a": "b"}), "variants", id="start with variants"),
        *(
            pytest.param(
                {"conversation_id": "c1", "body": {**BODY, **said}},
                f"{next(iter(said))}: the token does not grant it",
                id=f"message with {next(iter(said))}",
            )
            for said in (
                {"model": {"id": "x"}},
                {"prompt": {"id": "x"}},
                {"tools": "[]"},
                {"parameters": "{}"},
                {"reasoning": "so"},
                {"tool_calls": [{"id": "1", "name": "n", "arguments": "{}"}]},
                {"tool_call_id": "1"},
                {"latency_ms": 1},
                {"first_token_ms": 0},
                {"finish_reason": "stop"},
                {"usage": {"input": 1}},
                {"abstained": False},
                {"variants": {"a": "b"}},
            )
        ),
        pytest.param(
            {"conversation_id": "c1", "body": {**message("x")["body"], "author": {"kind": "reviewer"}}},
            "author.kind",
            id="written by a reviewer",
        ),
        pytest.param(
            {
                "conversation_id": "c1",
                "body": {**message("x")["body"], "author": {"kind": "user", "id": "u-2"}},
            },
            "author.id",
            id="written by another user",
        ),
        pytest.param(body("EraseConversation"), "EraseConversation", id="erasure"),
        pytest.param(body("EndConversation", reason="idle"), "reason", id="end by idling"),
    ],
)
def test_a_page_does_nothing_else(document: dict[str, Any], named: str) -> None:
    problem = verdict(Principal("shop", "k", page=PAGE), document)
    assert problem is not None
    assert named in problem
    # The key that the token was made with gives the page nothing of its own.
    assert verdict(Principal("shop", "k", frozenset({"admin"}), page=PAGE), document) == problem


@pytest.mark.parametrize(
    ("document", "grants"),
    [
        pytest.param(body("StartConversation"), ("start",), id="start"),
        pytest.param(body("StartConversation", session="s", task="t"), ("start",), id="start of a session"),
        pytest.param(body("StartConversation", user_id="u-1"), ("start",), id="start with its user"),
        pytest.param(
            body("StartConversation", consent="granted", tags={"a": "b"}),
            ("start", "consent", "tags"),
            id="start with all",
        ),
        pytest.param(body("UpdateConversation", consent="granted"), ("consent",), id="consent granted"),
        pytest.param(body("UpdateConversation", consent="denied"), ("consent",), id="consent denied"),
        pytest.param(body("UpdateConversation", consent="unspecified"), ("consent",), id="consent unsaid"),
        pytest.param(body("UpdateConversation", tags={"license": "x"}), ("tags",), id="licence"),
        pytest.param(body("UpdateConversation", user_id="u-1"), ("start",), id="its user"),
    ],
)
def test_what_a_server_says_takes_its_grant(document: dict[str, Any], grants: tuple[Grant, ...]) -> None:
    def said_with(*given: Grant) -> str | None:
        page = PageScope("c1", "u-1", frozenset(("user", "assistant")), read=True, grants=frozenset(given))
        return verdict(Principal("shop", "k", page=page), document)

    assert said_with(*grants) is None
    for missing in grants:
        others: tuple[Grant, ...] = tuple(each for each in ("start", "consent", "tags") if each != missing)
        assert f'POST /v1/tokens takes "grants": ["{missing}"]' in str(said_with(*others))


def test_a_token_without_roles_only_votes() -> None:
    page = Principal("shop", "k", page=PageScope("c1", "u-1", frozenset()))
    assert verdict(page, like("m1")) is None
    assert "role: the token allows none" in str(verdict(page, message("x")))


CHECKED = {
    "user_id", "rater", "author", "feedback", "continues", "role", "reason", "consent", "tags",
    *_MODEL_FIELDS, *_ANSWER_FIELDS,
}  # fmt: skip
FREE = {
    "session", "task", "message_id", "parent_id", "content", "attachments", "status", "metadata",
    "comparison_id", "candidates", "ranking", "none_acceptable", "aspect", "comment", "strength",
    "confidence", "rubric", "rubric_version", "item_id", "suggestion_shown", "last_activity_at",
}  # fmt: skip


def test_it_is_decided_of_every_field_what_a_page_may_say() -> None:
    """A new field is in neither set, until somebody has thought of pages."""
    fields = {name for each in _PAGE_BODIES for name in BODIES[each].model_fields}
    assert fields == CHECKED | FREE


def test_a_key_without_the_role_writes_as_no_reviewer() -> None:
    document = message("hello")
    document["body"]["author"] = {"kind": "reviewer"}
    assert "author.kind" in str(verdict(Principal("shop", "k", frozenset({"producer"})), document))
    assert verdict(Principal("shop", "k", frozenset({"reviewer"})), document) is None


def test_a_page_without_a_user_claims_none() -> None:
    page = Principal("shop", "k", page=PageScope("c1", None))
    assert verdict(page, like("m1")) is None
    assert "rater.id" in str(verdict(page, like("m1", id="u-1")))
    assert "user_id: the token is for another" in str(verdict(page, body("StartConversation", user_id="u-1")))


def test_a_trusted_page_says_what_the_model_said() -> None:
    page = Principal("shop", "k", page=replace(TRUSTED, grants=frozenset(("start",))))
    assert verdict(page, message("hello", role="assistant")) is None
    assert verdict(page, body("StartConversation", model={"id": "x"})) is None
    assert "role" in str(verdict(page, message("hello", role="system")))


def test_the_start_gets_the_tokens_user() -> None:
    record = record_of({"body": {"type": "StartConversation"}})
    complete_record(Principal("shop", "k", page=PAGE), record)
    assert (record["conversation_id"], record["application"], record["source"]) == ("c1", "shop", "gateway")
    assert record["body"][1]["user_id"] == "u-1"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(like(CARRYING, None), "c-7", id="carried"),
        pytest.param(like(CARRYING), "c1", id="named"),
        pytest.param(
            {"conversation_id": None, **body_alone("ExcludeFromTraining", message_id=CARRYING)},
            "c-7",
            id="an exclusion, and null",
        ),
        pytest.param(like("m-1", None), None, id="not carried"),
        pytest.param(like(None, None), None, id="of a whole conversation"),
        pytest.param({"body": {**like("x", None)["body"], "message_id": 7}}, None, id="number as id"),
        pytest.param(body_alone("AddMessage", message_id=CARRYING), None, id="a new message"),
    ],
)
def test_a_server_may_leave_out_the_conversation_that_an_id_carries(said: Any, expected: str | None) -> None:
    record = record_of(said)
    complete_record(Principal("shop", "k", frozenset(("producer",))), record)
    assert record.get("conversation_id") == expected


def test_a_page_stays_in_its_conversation_whatever_an_id_carries() -> None:
    record = record_of(like(CARRYING, None))
    complete_record(Principal("shop", "k", page=PAGE), record)
    assert record["conversation_id"] == "c1"


ERASE, REVIEW = body("EraseConversation"), like("m1", kind="reviewer", id="r")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("producer", [message("x")]), ("reviewer", [message("x"), REVIEW]), ("reader", []),
     ("lead", [message("x"), REVIEW]), ("admin", [message("x"), REVIEW, ERASE])],
    ids=["producer", "reviewer", "reader", "lead", "admin"],
)  # fmt: skip
def test_a_role_allows_what_it_says(role: ApiRole, allowed: list[dict[str, Any]]) -> None:
    principal = Principal("shop", "k", frozenset({role}))
    for document in (message("x"), REVIEW, ERASE):
        assert (verdict(principal, document) is None) == (document in allowed), document
    assert "application" in str(verdict(principal, {**message("x"), "application": "other"}))


def test_reading_takes_the_role_or_the_page_itself() -> None:
    assert Principal("shop", "k", frozenset({"reader"})).may_read("any")
    assert not Principal("shop", "k", frozenset({"producer", "reviewer"})).may_read("any")
    readable = Principal("shop", "k", page=PageScope("c1", None, read=True))
    assert readable.may_read("c1")
    assert not readable.may_read("c2")
    assert not Principal("shop", "k", frozenset({"admin"}), page=PAGE).may_read("c1")
