"""Who may write what: rules without a server, each of them broken once."""

import copy
from typing import Any

import pytest
from plaudit_producers.gateway.access.principals import (
    ApiRole,
    PageScope,
    Principal,
    complete_record,
    forbidden_reason,
)
from plaudit_schemas.contract.json_form import record_of

from tests.support.gateway import like, message

PAGE = PageScope("c1", "u-1")
TRUSTED = PageScope("c1", "u-1", frozenset(("user", "assistant")))


def verdict(principal: Principal, document: dict[str, Any]) -> str | None:
    record = record_of(copy.deepcopy(document))
    complete_record(principal, record)
    return forbidden_reason(principal, record)


def body(kind: str, **fields: Any) -> dict[str, Any]:
    return {"conversation_id": "c1", "body": {"type": kind, **fields}}


COMPARE = {"candidates": ["a", "b"], "ranking": [["a"]]}


@pytest.mark.parametrize(
    "document",
    [
        message("hello"),
        message("hello", conversation=None),
        like("m1"),
        like(None, id="u-1", kind="user"),
        like("m1", kind="user"),
        body("StartConversation", consent="granted", tags={"locale": "de"}),
        body("StartConversation", user_id="u-1"),
        body("UpdateConversation", consent="denied"),
        body("CompareMessages", **COMPARE),
        *(body("EndConversation", reason=reason) for reason in ("closed", "cleared", "error")),
        {**message("hello"), "application": "shop", "source": "gateway"},
    ],
)
def test_a_page_speaks_for_its_user_in_its_conversation(document: dict[str, Any]) -> None:
    assert verdict(Principal("shop", "k", page=PAGE), document) is None


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (message("hello", conversation="c2"), "conversation_id"),
        (message("hello", conversation="C1"), "conversation_id"),
        (message("hello", conversation="c1 "), "conversation_id"),
        ({**message("hello"), "application": "other"}, "application"),
        ({**message("hello"), "source": "sdk"}, "source"),
        ({**message("hello"), "source": "sweeper"}, "source"),
        (message("hello", role="assistant"), "role"),
        (message("hello", role="system"), "role"),
        (message("hello", role="tool"), "role"),
        (like("m1", kind="reviewer"), "rater.kind"),
        (like("m1", kind="model"), "rater.kind"),
        (like("m1", kind="unknown"), "rater.kind"),
        (like("m1", id="u-2"), "rater.id"),
        (body("CompareMessages", **COMPARE, rater={"kind": "reviewer"}), "rater.kind"),
        (body("CompareMessages", **COMPARE, rater={"id": "u-2"}), "rater.id"),
        (body("StartConversation", user_id="u-2"), "user_id"),
        (body("UpdateConversation", user_id="u-2"), "user_id"),
        (body("StartConversation", continues="c0"), "continues"),
        (body("StartConversation", model={"id": "x"}), "model"),
        (body("StartConversation", variants={"a": "b"}), "variants"),
        ({"conversation_id": "c1", "body": {**message("x")["body"], "model": {"id": "x"}}}, "model"),
        (body("EraseConversation"), "EraseConversation"),
        (body("EndConversation", reason="idle"), "reason"),
    ],
)
def test_a_page_does_nothing_else(document: dict[str, Any], named: str) -> None:
    problem = verdict(Principal("shop", "k", page=PAGE), document)
    assert problem is not None
    assert named in problem
    # The key that the token was made with gives the page nothing of its own.
    assert verdict(Principal("shop", "k", frozenset({"admin"}), page=PAGE), document) == problem


def test_a_page_without_a_user_claims_none() -> None:
    page = Principal("shop", "k", page=PageScope("c1", None))
    assert verdict(page, like("m1")) is None
    assert "rater.id" in str(verdict(page, like("m1", id="u-1")))
    assert "user_id" in str(verdict(page, body("StartConversation", user_id="u-1")))


def test_a_trusted_page_says_what_the_model_said() -> None:
    page = Principal("shop", "k", page=TRUSTED)
    assert verdict(page, message("hello", role="assistant")) is None
    assert verdict(page, body("StartConversation", model={"id": "x"})) is None
    assert "role" in str(verdict(page, message("hello", role="system")))


def test_the_start_gets_the_tokens_user() -> None:
    record = record_of({"body": {"type": "StartConversation"}})
    complete_record(Principal("shop", "k", page=PAGE), record)
    assert (record["conversation_id"], record["application"], record["source"]) == ("c1", "shop", "gateway")
    assert record["body"][1]["user_id"] == "u-1"


ERASE, REVIEW = body("EraseConversation"), like("m1", kind="reviewer", id="r")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("producer", [message("x")]), ("reviewer", [message("x"), REVIEW]), ("reader", []),
     ("admin", [message("x"), REVIEW, ERASE])],
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
