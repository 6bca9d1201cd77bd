"""Votes of Open WebUI as events. Pure: what is odd in one vote costs only that vote."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from plaudit_producers.gateway.intake.open_webui import parse_votes, read_votes, vote_ids
from plaudit_producers.gateway.intake.vote_ledger import KnownVote
from plaudit_schemas.errors import InvalidEventError

from tests.support.open_webui_votes import CHANGED, vote

KNOWN = {"chat-a": KnownVote("c", "a", "u", ("thumb",), float(CHANGED))}
NOW = 1_790_000_000_000_000


def read(*votes: dict[str, Any]) -> tuple[int, list[str], list[tuple[str, str]]]:
    """How many chats are sent, the ids of unchanged votes, and what is refused."""
    asked = parse_votes(json.dumps(votes).encode())
    found = read_votes(asked.feedbacks, "shop", KNOWN, now=NOW)
    return len(found.chats), found.unchanged, found.refused


@pytest.mark.parametrize(
    "changed",
    [10**400, float("nan"), True, "soon", [1]],
    ids=["endless", "no number", "truth", "word", "list"],
)
def test_a_known_vote_with_an_odd_time_costs_only_itself(changed: Any) -> None:
    odd = {**vote("chat", "a", 1), "updated_at": changed}
    sent, unchanged, [(name, reason)] = read(odd, vote("other", "a", 1))
    assert (sent, unchanged, name) == (1, [], "chat-a")
    assert "updated_at must be a time" in reason


def test_a_version_may_be_a_text() -> None:
    """Some exports write times in ISO 8601."""
    known, later = (datetime.fromtimestamp(CHANGED + more, UTC).isoformat() for more in (0, 1))
    assert read({**vote("chat", "a", 1), "updated_at": known}) == (0, ["chat-a"], [])
    assert read({**vote("chat", "a", 1), "updated_at": later}) == (1, [], [])


@pytest.mark.parametrize(
    "odd", ["\ud800", "x" * 129, "", 7, None], ids=["half an emoji", "long", "empty", "number", "none"]
)
def test_a_vote_needs_an_id_that_can_be_kept(odd: Any) -> None:
    record = {**vote("chat", "a", 1), "id": odd}
    sent, unchanged, [(name, reason)] = read(record, vote("other", "a", 1))
    assert (sent, unchanged, name) == (1, [], "record 1")
    assert "its id must be a text of 1 to 128 characters" in reason
    assert vote_ids(parse_votes(json.dumps([record]).encode()).feedbacks) == []


@pytest.mark.parametrize("name", ["instance", "deleted", "all"])
@pytest.mark.parametrize("odd", ["\ud800", "x" * 129], ids=["half an emoji", "long"])
def test_names_that_cannot_be_kept_are_refused(name: str, odd: str) -> None:
    body = {name: odd if name == "instance" else [odd]}
    with pytest.raises(InvalidEventError, match=f"{name} must be a text of 1 to 128 characters"):
        parse_votes(json.dumps(body).encode())
