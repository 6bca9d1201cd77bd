"""No page overrules what a server says of a conversation, whichever word comes first."""

from itertools import permutations
from typing import Any

import pytest
from plaudit_stream_processors.fold import CURRENT_VERSION, Rules
from plaudit_stream_processors.fold.rules import PAGES_VERSION

from tests.stream_processors.builders import Folded, end, event, message, start

SERVER, PAGE = False, True
Said = tuple[bool, dict[str, Any]]


def update(at: int = 20, **said: Any) -> dict[str, Any]:
    return event("UpdateConversation", {"consent": "unknown", **said}, at=at)


def facts(words: list[Said], version: int = CURRENT_VERSION) -> dict[str, Any]:
    """The facts after words that arrive in this order, a second apart, whatever their clocks say."""
    folded = Folded(Rules(version=version))
    for at, (by_page, said) in enumerate(words):
        held = {**said, "held_ms": 0} if version > 1 else said
        folded.add(held, arrived_ms=said["occurred_at"] // 1000 + at, by_page=by_page)
    assert folded.refused == []
    return folded.state.facts


@pytest.mark.parametrize(
    ("server", "page", "fact"),
    [
        pytest.param({"tags": {"license": "mine"}}, {"tags": {"license": "free"}}, "tags", id="licence"),
        pytest.param({"user_id": "u-1"}, {"user_id": "u-2"}, "user_id", id="user"),
        pytest.param({"consent": "denied"}, {"consent": "granted"}, "consent", id="denied consent"),
        pytest.param({"consent": "granted"}, {"consent": "unspecified"}, "consent", id="granted consent"),
    ],
)
@pytest.mark.parametrize("opening", [False, True], ids=["by an update", "by a start"])
def test_a_server_is_believed(server: Any, page: Any, fact: str, *, opening: bool) -> None:
    starts: Said = (SERVER, start())
    by_server: Said = (SERVER, update(at=21, **server))
    by_page: Said = (PAGE, start(**page) if opening else update(at=99, **page))
    for words in permutations([starts, by_server, by_page]):
        assert facts(list(words))[fact] == server[fact], words


def test_a_page_says_what_no_server_said() -> None:
    words: list[Said] = [
        (PAGE, start(tags={"locale": "de", "license": "free"}, consent="granted", session="s1")),
        (SERVER, update(tags={"license": "mine"})),
        (PAGE, update(at=30, tags={"locale": "fr"})),
    ]
    found = facts(words)
    assert found["tags"] == {"locale": "fr", "license": "mine"}
    assert (found["consent"], found["session"]) == ("granted", "s1")


def test_a_servers_start_wins_over_a_pages_that_came_before() -> None:
    said: list[Said] = [(PAGE, start(session="p", task="p")), (SERVER, start(at=5, session="s"))]
    for words in (said, said[::-1]):
        assert (facts(words)["session"], facts(words)["task"]) == ("s", "p")
    more: list[Said] = [*said, (PAGE, start(at=6, session="again")), (SERVER, start(at=7, session="late"))]
    assert facts(more)["session"] == "s"


def test_a_page_denies_and_takes_back_its_own_denial_only() -> None:
    begun: list[Said] = [(SERVER, start(consent="granted")), (PAGE, update(consent="denied"))]
    assert facts(begun)["consent"] == "denied"
    grant: Said = (PAGE, update(at=40, consent="granted"))
    assert facts([*begun, grant])["consent"] == "granted"
    by_server: Said = (SERVER, update(at=30, consent="denied"))
    assert facts([*begun, by_server, grant])["consent"] == "denied"
    assert (
        facts([*begun, by_server, grant, (SERVER, update(at=50, consent="granted"))])["consent"] == "granted"
    )


def test_older_rules_do_not_know_pages() -> None:
    words: list[Said] = [(SERVER, start(tags={"a": "server"})), (PAGE, update(at=30, tags={"a": "page"}))]
    assert facts(words, PAGES_VERSION - 1)["tags"] == {"a": "page"}
    assert facts(words, PAGES_VERSION)["tags"] == {"a": "server"}


def test_what_older_rules_held_counts_as_a_servers() -> None:
    folded = Folded(Rules(version=PAGES_VERSION - 1)).add(start(tags={"a": "before"}), message("m"))
    folded.rules = Rules()
    folded.add(update(at=30, tags={"a": "page"}, consent="denied"), end(at=31), by_page=True)
    assert folded.effects.finished[-1].record["tags"] == {"a": "before"}
    assert folded.effects.finished[-1].record["consent"] == "denied"
