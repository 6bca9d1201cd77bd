"""A denial counts whatever any clock says, however late it comes. In doubt consent is denied."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.limits import HELD_LIMIT
from plaudit_schemas.contract.words import CANDIDATES
from plaudit_schemas.errors import ExpiredError
from plaudit_stream_processors.fold import Event, Rules, fold

from tests.stream_processors.builders import T0_MS, Folded, end, event, like, message, start

RULES = Rules(state_retention_ms=60_000)
LATE_MS = T0_MS + 9_000 + 60_001
DAYS = 86_400


def update(consent: str, *, at: int = 20, **envelope: Any) -> dict[str, Any]:
    return {**event("UpdateConversation", {"consent": consent}, at=at), **envelope}


def denials(folded: Folded) -> list[dict[str, Any]]:
    """The amendments that deny consent, as their readers see them."""
    found = [one.record for one in folded.effects.finished if one.schema == "amendment"]
    read = [Decoder("amendment").decode(Encoder("amendment").encode(record)) for record in found]
    return [one for one in read if one["body"][1].get("consent") == "denied"]


@pytest.mark.parametrize(
    "clock_s",
    [0, 50, 4000, 400 * DAYS, -4000, -400 * DAYS],
    ids=["right", "fast", "an hour fast", "a year fast", "an hour slow", "a year slow"],
)
@pytest.mark.parametrize(
    "held_ms",
    [None, 0, 5000, HELD_LIMIT - 1],
    ids=["not counted", "not held", "held", "held for months"],
)
@pytest.mark.parametrize("opening", [False, True], ids=["by an update", "by a start"])
def test_a_denial_counts_whatever_any_clock_says(clock_s: int, held_ms: int | None, *, opening: bool) -> None:
    folded = Folded(RULES).add(start(consent="granted"), message("a"))
    folded.add(update("granted", at=8 * DAYS, producer="q", sequence=3), arrived_ms=T0_MS + 5_000)
    denial = start(at=clock_s, consent="denied") if opening else update("denied", at=clock_s)
    if held_ms is not None:
        denial["held_ms"] = held_ms
    folded.add(denial, end(at=9), arrived_ms=T0_MS + 9_000)
    assert folded.effects.finished[-1].record["consent"] == "denied"


@pytest.mark.parametrize("opening", [False, True], ids=["by an update", "by a start"])
@pytest.mark.parametrize(
    "arrived_ms", [T0_MS + 20_000, LATE_MS, T0_MS + 400 * DAYS * 1000], ids=["soon", "late", "a year later"]
)
def test_a_denial_after_the_end_counts_at_once(arrived_ms: int, *, opening: bool) -> None:
    folded = Folded(RULES).add(start(consent="granted"), message("a"), like("a"), end(at=9))
    denial = start(at=1, consent="denied") if opening else update("denied", at=1)
    folded.add(denial, arrived_ms=arrived_ms)
    (amendment,) = denials(folded)
    assert amendment["event_id"] == denial["event_id"]
    assert amendment["body"] == (
        "plaudit.v1.UpdateConversation",
        {"user_id": None, "consent": "denied", "tags": {}},
    )
    assert folded.refused == []
    if arrived_ms < LATE_MS:
        assert folded.state.facts["consent"] == "denied"


def test_a_denial_alone_does_not_open_a_conversation_again_and_other_facts_do() -> None:
    folded = Folded(RULES).add(start(consent="granted"), message("a"), end(at=9), update("denied", at=10))
    assert not folded.state.is_open
    more = event("UpdateConversation", {"consent": "denied", "tags": {"locale": "de"}}, at=11)
    folded.add(more, end(at=12))
    assert folded.effects.finished[-1].record["tags"] == {"locale": "de"}
    assert len(denials(folded)) == 2


def test_a_start_that_denies_needs_no_amendment() -> None:
    folded = Folded(RULES).add(start(consent="denied"), end(at=9))
    assert denials(folded) == []
    assert folded.effects.finished[-1].record["consent"] == "denied"


def test_a_grant_after_the_retention_is_refused() -> None:
    folded = Folded(RULES).add(start(consent="denied"), end(at=9))
    folded.add(update("granted", held_ms=0), start(at=30, consent="granted"), arrived_ms=LATE_MS)
    assert [reason for reason, _ in folded.refused] == [ExpiredError.reason] * 2


@pytest.mark.parametrize("opening", [False, True], ids=["by an update", "by a start"])
@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        pytest.param({"producer": "p", "sequence": 8, "held_ms": 90_000}, "granted", id="same, later, held"),
        pytest.param({"producer": "p", "sequence": 8}, "granted", id="same, later"),
        pytest.param({"producer": "p", "sequence": 6, "held_ms": 0}, "denied", id="same, earlier"),
        pytest.param({"producer": "p", "sequence": 7, "held_ms": 0}, "denied", id="same, as high"),
        pytest.param({"producer": "q", "sequence": 1, "held_ms": 0}, "granted", id="another, not held"),
        pytest.param({"producer": "q", "sequence": 1, "held_ms": 5}, "granted", id="another, held briefly"),
        pytest.param({"producer": "q", "sequence": 9, "held_ms": 15_000}, "denied", id="held as long"),
        pytest.param({"producer": "q", "sequence": 9, "held_ms": 90_000}, "denied", id="another, held"),
        pytest.param({"producer": "q", "sequence": 9}, "denied", id="another, not counted"),
        pytest.param({"held_ms": 0}, "granted", id="nobody, not held"),
        pytest.param({}, "denied", id="nobody knows"),
    ],
)
@pytest.mark.parametrize("clock_s", [-400 * DAYS, 0, 400 * DAYS], ids=["slow", "right", "fast"])
def test_a_grant_after_a_denial(clock_s: int, grant: dict[str, Any], expected: str, *, opening: bool) -> None:
    folded = Folded(RULES).add(start(consent="granted"), message("a"))
    folded.add(update("denied", at=-5000, producer="p", sequence=7), arrived_ms=T0_MS + 5_000)
    given_later = start(at=clock_s + 1, consent="granted") if opening else update("granted", at=clock_s)
    folded.add({**given_later, **grant}, arrived_ms=T0_MS + 20_000)
    assert folded.state.facts["consent"] == expected


@pytest.mark.parametrize("word", ["unspecified", "unknown"], ids=["unspecified", "unknown"])
def test_only_a_grant_lifts_a_denial(word: str) -> None:
    folded = Folded(RULES).add(start(), update("denied", at=1, producer="p", sequence=1))
    folded.add(update(word, at=9, producer="p", sequence=2, held_ms=0), start(at=10, consent=word))
    assert folded.state.facts["consent"] == "denied"


@pytest.mark.parametrize(
    ("earlier", "grant"),
    [
        pytest.param(
            {"producer": "p", "sequence": 3}, {"producer": "p", "sequence": 5}, id="an overtaken denial"
        ),
        pytest.param({"producer": "q", "sequence": 1}, {"producer": "q", "sequence": 2}, id="another's"),
        pytest.param({}, {"producer": "p", "sequence": 9}, id="nobody's"),
    ],
)
def test_a_grant_must_come_after_every_denial(earlier: dict[str, Any], grant: dict[str, Any]) -> None:
    """The last one to arrive need not be the last one that was given."""
    folded = Folded(RULES).add(start(), update("denied", at=1, producer="p", sequence=7))
    folded.add(update("denied", at=2, **earlier), update("granted", at=3, **grant))
    assert folded.state.facts["consent"] == "denied"


def test_a_denial_of_the_first_rules_is_lifted_only_by_what_came_later() -> None:
    for grant, expected in (({"held_ms": 0}, "granted"), ({"held_ms": 20_000}, "denied"), ({}, "denied")):
        folded = Folded(Rules(version=1))
        # Its clock is a year slow, so the event time says nothing of its arrival.
        folded.add(start(at=-400 * DAYS, consent="denied"), arrived_ms=T0_MS + 10_000)
        folded.rules = RULES
        folded.add(update("granted", at=30, producer="p", sequence=1, **grant), arrived_ms=T0_MS + 15_000)
        assert folded.state.facts["consent"] == expected


class Said(NamedTuple):
    consent: str
    producer: str
    sequence: int
    held_ms: int | None


SAID = st.builds(
    Said, st.sampled_from(("granted", "denied")), st.sampled_from(("", "p", "q")), st.integers(0, 9),
    st.sampled_from((None, 0, 1, 2000, HELD_LIMIT - 1)),
)  # fmt: skip


@given(said=st.lists(SAID, max_size=12))
def test_consent_is_denied_unless_a_grant_came_after_every_denial(said: list[Said]) -> None:
    """The rule once more, in words: for any arrivals, one second after the other."""
    folded = Folded(RULES).add(start())
    expected, denied = "unspecified", []
    for number, one in enumerate(said):
        arrived = T0_MS + 1000 * (number + 1)
        record = update(one.consent, at=-number * DAYS, event_id=f"e{number}")
        record |= {"producer": one.producer, "sequence": one.sequence} if one.producer else {}
        record |= {} if one.held_ms is None else {"held_ms": one.held_ms}
        fold(folded.state, Event(record, 0, number + 1, arrived, 9, version=2), folded.effects, RULES)
        if one.consent == "denied":
            denied.append((one, arrived))
            expected = "denied"
        elif all(comes_after(one, arrived, *each) for each in denied):
            expected = "granted"
        assert folded.state.facts["consent"] == expected


def comes_after(grant: Said, arrived: int, denial: Said, denied: int) -> bool:
    if grant.producer and grant.producer == denial.producer:
        return grant.sequence > denial.sequence
    return grant.held_ms is not None and arrived - grant.held_ms > denied


def test_the_denials_that_are_kept_are_bounded() -> None:
    folded = Folded(RULES).add(start())
    for number in range(100):
        folded.add(update("denied", at=number, producer=f"p{number}", sequence=1))
    assert len(folded.state.stamps["consent"]) == CANDIDATES
    folded.add(update("granted", at=200, producer="p99", sequence=2, held_ms=150_000))
    assert folded.state.facts["consent"] == "denied", "those past the bound count too"
    folded.add(update("granted", at=201, producer="p99", sequence=3, held_ms=0))
    assert folded.state.facts["consent"] == "granted"
