"""How much a conversation may hold, and what it takes when it holds that much."""

import copy
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.errors import TooLargeError
from plaudit_stream_processors.fold import CAPS_VERSION, ConversationState, Event, Rules, fold, room
from plaudit_stream_processors.state.fields import changed_fields, conversation_of

from tests.stream_processors.builders import Folded, end, event, like, message, start

EARLIER = Rules(version=CAPS_VERSION - 1)
TEXT = "x" * 1000


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CONVERSATION_BYTES", 20_000)
    monkeypatch.setattr(room, "CONVERSATION_MESSAGES", 30)
    monkeypatch.setattr(room, "CONVERSATION_EVENTS", 100)
    monkeypatch.setattr(room, "OVERGROWN_BYTES", 100_000)


def fill(folded: Folded, count: int, content: str = TEXT) -> Folded:
    return folded.add(*(message(f"m{n}", "user", content=content) for n in range(count)))


def reasons(folded: Folded) -> set[str]:
    return {reason for reason, _ in folded.refused}


def votes(count: int, first: int = 0) -> list[dict[str, Any]]:
    raters = [{"id": f"u{n}", "kind": "user"} for n in range(first, first + count)]
    return [like("m0", rater=rater, at=3) for rater in raters]


def deny(at: int = 5) -> dict[str, Any]:
    return event("UpdateConversation", {"consent": "denied"}, at=at)


def exclude(message_id: str, at: int = 5) -> dict[str, Any]:
    return event(
        "ExcludeFromTraining", {"message_id": message_id, "rater": {"kind": "user"}, "excluded": True}, at=at
    )


def spent(folded: Folded | None = None) -> Folded:
    """A conversation that has used all reserves: messages, votes, then exclusions."""
    folded = fill(folded or Folded().add(start(), message("a", content="")), 40)
    folded.add(*votes(100))
    folded.add(*(exclude(f"x{n}") for n in range(100)))
    assert room.is_spent(folded.state)
    folded.refused.clear()
    return folded


@pytest.mark.parametrize(
    ("content", "taken"),
    [pytest.param(TEXT, 15, id="bytes"), pytest.param("", 30, id="messages")],
)
def test_messages_are_refused_above_the_limit(content: str, taken: int) -> None:
    folded = fill(Folded().add(start()), 50, content)
    assert (len(folded.state.messages), len(folded.refused)) == (taken, 50 - taken)
    assert reasons(folded) == {"too_large"}
    assert "go on in another conversation" in folded.refused[0][1]


def test_its_error_says_how_much_is_used() -> None:
    folded = fill(Folded().add(start()), 40)
    late = Event(message("late"), 0, 99, folded.state.activity_ms, 100, version=CAPS_VERSION)
    with pytest.raises(
        TooLargeError, match=f"has {folded.state.used} bytes in 16 events, as much as one may"
    ):
        fold(folded.state, late, folded.effects, folded.rules)


def test_messages_are_refused_above_the_number_of_events() -> None:
    folded = fill(Folded().add(start()), 1, "")
    folded.state.events = 100
    assert reasons(folded.add(message("b", content=""))) == {"too_large"}


def test_a_refused_event_leaves_no_trace() -> None:
    folded = fill(Folded().add(start()), 15)
    before = {name: copy.deepcopy(getattr(folded.state, name)) for name in ConversationState.__slots__}
    cells = folded.cells()
    folded.add(message("more"))
    assert {name: getattr(folded.state, name) for name in ConversationState.__slots__} == before
    assert (folded.cells(), len(folded.refused)) == (cells, 1)


def test_feedback_has_a_reserve_above_the_messages() -> None:
    folded = fill(Folded().add(start()), 40).add(message("late"))
    folded.refused.clear()
    folded.add(*votes(100))
    taken = len(folded.state.feedback)
    assert 3 < taken < 20
    assert reasons(folded) == {"too_large"}
    assert folded.state.used is not None
    assert folded.state.used >= 25_000


def test_a_message_has_only_so_many_ratings_and_takes_new_words_of_those(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "MESSAGE_SLOTS", 5)
    folded = Folded().add(start(), message("m0"), message("m1"), *votes(7))
    assert [reason for reason, _ in folded.refused] == ["too_large"] * 2
    assert "raters" in folded.refused[0][1]
    folded.refused.clear()
    folded.add(like("m0", liked=False, rater={"id": "u1", "kind": "user"}, at=4), like("m1"), like(None))
    assert (folded.refused, len(folded.state.feedback)) == ([], 7)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(deny(), id="a denial of consent"),
        pytest.param(exclude("m1"), id="an exclusion"),
        pytest.param(end(), id="the end"),
        pytest.param(event("EraseConversation", {"reason": "user_request"}, at=9), id="an erasure"),
    ],
)
@pytest.mark.parametrize("full", ["reserve", "spent"])
def test_what_ends_it_or_protects_its_user_is_never_refused(word: dict[str, Any], full: str) -> None:
    folded = spent() if full == "spent" else fill(Folded().add(start()), 40).add(*votes(100))
    folded.refused.clear()
    events = folded.state.events
    folded.add(word)
    assert (folded.refused, folded.state.events) == ([], events + 1)


def test_a_full_conversation_ends_with_all_that_it_took() -> None:
    folded = spent().add(deny(), end())
    record = folded.effects.finished[-1].record
    assert (len(record["messages"]), record["consent"]) == (len(folded.state.messages), "denied")
    assert (record["events"], folded.state.is_open) == (folded.state.events, False)


def test_a_spent_conversation_does_not_grow() -> None:
    folded = spent().add(deny())
    folded.add(*(exclude(f"y{n}", at=6) for n in range(50)))
    size = sum(map(len, changed_fields(folded.state)[1::2]))
    seen = len(folded.state.seen)
    for n in range(50):
        folded.add(deny(at=10 + n), exclude(f"z{n}"), end(at=10 + n))
    assert folded.refused == []
    assert len(folded.state.seen) == seen
    assert sum(map(len, changed_fields(folded.state)[1::2])) <= size


def test_words_of_a_spent_conversation_are_amendments() -> None:
    folded = spent()
    before = folded.effects.amendments
    folded.add(exclude("m1", at=7), deny(at=8))
    excluded, denied = [emission.record["body"][1] for emission in folded.effects.finished[-2:]]
    assert (excluded["message_id"], denied) == ("m1", {"consent": "denied"})
    assert folded.effects.amendments == before + 2


def test_a_repeat_of_a_word_that_was_taken_before_is_a_duplicate() -> None:
    first = deny(at=2)
    folded = spent(Folded().add(start(), first))
    folded.add(first)
    assert (folded.effects.duplicates, folded.refused) == (1, [])


def test_a_start_that_comes_last_is_taken() -> None:
    folded = spent(Folded().add(message("a"))).add(start(), end())
    assert (folded.refused, len(folded.effects.finished[-1].record["messages"])) == (
        [],
        len(folded.state.messages),
    )


def test_versions_of_a_message_replace_each_other() -> None:
    folded = Folded().add(start(), message("a", content=TEXT, status="partial"))
    once = folded.state.used
    folded.add(*(message("a", content=TEXT + str(n), status="partial", at=2 + n) for n in range(20)))
    assert once is not None
    assert folded.refused == []
    assert once < (folded.state.used or 0) < once + 20 * 500  # a little for each, and never less


def test_earlier_rules_take_everything_and_such_a_state_ends_as_it_did() -> None:
    folded = fill(Folded(EARLIER).add(start()), 60)
    assert (len(folded.state.messages), folded.state.used) == (60, None)
    folded.rules = Rules()
    folded.add(message("more"), like("m0"), end())
    assert reasons(folded) == {"too_large"}
    assert len(folded.effects.finished[-1].record["messages"]) == 60


def test_what_earlier_rules_took_counts_as_the_json_that_redis_has() -> None:
    folded = Folded(EARLIER).add(start(), message("a"), message("b"), like("a"), like("b", liked=False))
    fields = changed_fields(folded.state)
    stored = sum(
        len(value) for name, value in zip(fields[::2], fields[1::2], strict=True) if ":" in str(name)
    )
    read = conversation_of("acme/c1", {str(k).encode(): v for k, v in _pairs(fields)})
    assert room.used_bytes(folded.state) == room.used_bytes(read) == stored


def test_the_room_that_is_used_lies_in_redis() -> None:
    folded = Folded().add(start(), message("a"), like("a"))
    used = folded.state.used
    read = conversation_of("acme/c1", {str(k).encode(): v for k, v in _pairs(changed_fields(folded.state))})
    assert read.used == used


def test_an_overgrown_conversation_is_folded_alike_without_its_content() -> None:
    whole = fill(Folded(EARLIER).add(start()), 120)
    hollow = Folded(EARLIER).add(start())
    hollow.state.events, hollow.state.activity_ms = whole.state.events, whole.state.activity_ms
    hollow.state.used = room.used_bytes(whole.state)
    known = message("m3", "user", content=TEXT)  # a repeat, whose id only one of them knows
    for folded in (whole, hollow):
        folded.offset, folded.rules = 500, Rules()
        folded.add(known, like("m0"), message("n"), deny(), exclude("m1"), end(), end(at=10), start(at=11))
    assert whole.refused == hollow.refused
    assert [reason for reason, _ in whole.refused] == ["too_large"] * 4
    assert whole.state.events == hollow.state.events == 124 + 1
    for folded in (whole, hollow):
        (_, _, finished) = folded.effects.finished
        assert finished.refusal is not None
        assert finished.refusal.reason == "too_large"
        assert (folded.state.is_open, folded.state.revision) == (False, 1)
        assert folded.cells()["conversations:ended"] == 1


def test_an_erasure_gives_the_room_back() -> None:
    folded = spent().add(event("EraseConversation", {"reason": "user_request"}, at=9))
    assert (folded.state.used, folded.effects.finished[-1].record["erased"]) == (0, True)


def _pairs(fields: list[str | bytes]) -> list[tuple[Any, Any]]:
    return list(zip(fields[::2], fields[1::2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "é" * 400, "\0" * 300], ids=["no text", "text", "escaped text"])
def test_a_record_of_a_full_conversation_fits(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    variants = {f"experiment-{n}": "an arm with a long name" for n in range(32)}
    folded = Folded().add(start(variants=variants))
    for n in range(12_000):
        folded.add(message(f"message-{n}", content=text), like(f"message-{n}", note=text or None))
        if folded.refused:
            break
    folded.add(end())
    encoded = Encoder("finished_conversation").encode(folded.effects.finished[-1].record)
    assert reasons(folded) == {"too_large"}
    stored = sum(map(len, changed_fields(folded.state)[1::2]))
    assert len(encoded) < stored < 24 << 20
