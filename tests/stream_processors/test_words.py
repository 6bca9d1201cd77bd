"""Whose word holds: never a clock against another clock."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_producers import IdentityHash
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.limits import HELD_LIMIT
from plaudit_schemas.contract.words import CANDIDATES, Word, add_word
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import Event, fold, fold_record

from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, like, message, start


def word(producer: str, sequence: int, place: int, offset: int) -> Word:
    return Word(producer, sequence, place, offset, place, f"{producer}{sequence}", f"{producer}{sequence}")


@st.composite
def spoken(draw: st.DrawFn) -> list[Word]:
    """What some producers say: each counts its words, and each word has a place of its own."""
    words = []
    for producer in draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True)):
        places = draw(st.lists(st.integers(0, 50), min_size=1, max_size=5))
        words += [(producer, sequence, place) for sequence, place in enumerate(places)]
    return [word(*one, offset) for offset, one in enumerate(words)]


@given(words=spoken(), data=st.data())
def test_any_order_of_arrival_gives_the_same_word(words: list[Word], data: st.DataObject) -> None:
    """There is no cycle: the last word of each producer is a candidate, and the largest place holds."""
    candidates: list[Word] = []
    for one in data.draw(st.permutations(words)):
        held = add_word(candidates, one)
    last = {one.producer: max(words, key=lambda w: (w.producer == one.producer, w.sequence)) for one in words}
    assert held == max(last.values(), key=lambda one: (one.place, one.offset))
    assert len(candidates) == len(last)


def test_the_number_of_candidates_is_bounded() -> None:
    candidates: list[Word] = []
    for number in range(100):
        held = add_word(candidates, word(f"p{number}", 0, number, number))
    assert (held.producer, len(candidates)) == ("p99", CANDIDATES)


def said(record: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    return {**record, **envelope}


def rating(folded: Folded) -> int | None:
    return folded.cells().get("satisfaction:user:thumb:message:sum")


def test_a_clock_that_stepped_back_does_not_lose_the_users_last_word() -> None:
    folded = Folded().add(start(), message("a"))
    folded.add(said(like("a", at=500), producer="page", sequence=1), arrived_ms=T0_MS + 500_000)
    folded.add(said(like("a", liked=False, at=3), producer="page", sequence=2), arrived_ms=T0_MS + 501_000)
    assert rating(folded) == 1000
    folded.add(said(like("a", at=900), producer="page", sequence=0), arrived_ms=T0_MS + 502_000)
    assert rating(folded) == 1000, "an earlier word of the same page, whatever its clock says"


def test_a_word_that_waited_does_not_overrule_a_later_one() -> None:
    folded = Folded().add(start(), message("a"))
    folded.add(said(like("a", liked=False, at=20), producer="b", held_ms=5), arrived_ms=T0_MS + 20_000)
    # Given ten seconds earlier on another machine, whose clock is an hour fast; it waited for half a minute.
    late = said(like("a", at=3610), producer="a", sequence=7, held_ms=30_000)
    folded.add(late, arrived_ms=T0_MS + 40_000)
    assert rating(folded) == 1000
    folded.add(said(late, event_id="01J", sequence=8, held_ms=0), arrived_ms=T0_MS + 41_000)
    assert rating(folded) == 5000


def test_a_producers_overtaken_word_makes_room_for_anothers() -> None:
    """Its own later word has an earlier place than what somebody else said in between."""
    folded = Folded().add(start(), message("a"))
    folded.add(said(like("a", at=1), producer="a", sequence=5, held_ms=0), arrived_ms=T0_MS + 100_000)
    folded.add(
        said(like("a", liked=False, at=1, id="b"), producer="b", sequence=1, held_ms=5_000),
        arrived_ms=T0_MS + 100_500,
    )
    assert rating(folded) == 5000
    folded.add(
        said(like("a", at=1, id="c"), producer="a", sequence=6, held_ms=20_000), arrived_ms=T0_MS + 101_000
    )
    assert rating(folded) == 1000


class Given(NamedTuple):
    """A word as it lies in the log; times in seconds."""

    producer: str
    sequence: int
    clock: int
    held_ms: int | None
    arrived: int
    first: int | None

    def event(self, number: int, offset: int) -> Event:
        record = like("a", number % 2 == 0, at=self.clock) | {"event_id": f"e{number}"}
        record |= {"producer": self.producer, "sequence": self.sequence} if self.producer else {}
        record |= {} if self.held_ms is None else {"held_ms": self.held_ms}
        arrived_ms = T0_MS + self.arrived * 1000
        first_ms = None if self.first is None else arrived_ms - self.first * 1000
        return Event(record, 0, offset, arrived_ms, 9, version=2, first_arrived_ms=first_ms)

    def place(self) -> int:
        """In milliseconds after T0."""
        if self.held_ms is None:
            return min(self.clock, self.arrived + 60) * 1000
        return (self.arrived - (self.first or 0)) * 1000 - self.held_ms


GIVEN = st.builds(
    Given, st.sampled_from(("", "p", "q", "r")), st.integers(0, 6), st.integers(-10**6, 10**6),
    st.sampled_from((None, 0, 1, 7000, HELD_LIMIT - 1)), st.integers(0, 60),
    st.sampled_from((None, None, 1, 3600)),
)  # fmt: skip


@given(words=st.lists(GIVEN, min_size=1, max_size=10), data=st.data())
def test_any_log_of_the_same_words_gives_the_word_that_the_rule_names(
    words: list[Given], data: st.DataObject
) -> None:
    """Whatever clocks say, however long words waited, and whether they were sent again."""
    words = list(
        {(one.producer, one.sequence if one.producer else one.place()): one for one in words}.values()
    )
    words = list({one.place(): one for one in words}.values())
    candidates: dict[str, Given] = {}
    for one in words:
        known = candidates.setdefault(one.producer, one)
        later = one.sequence > known.sequence if one.producer else one.place() > known.place()
        if later:
            candidates[one.producer] = one
    expected = words.index(max(candidates.values(), key=Given.place))
    order = data.draw(st.permutations(range(len(words))))
    folded = Folded().add(start(), message("a"))
    for offset, number in enumerate(order, 2):
        fold(folded.state, words[number].event(number, offset), folded.effects, folded.rules)
    (slot,) = folded.state.feedback.values()
    assert slot["event_id"] == f"e{expected}"
    assert slot["feedback"]["value"][1]["like"] == (expected % 2 == 0)


def test_a_word_that_was_sent_again_keeps_its_place() -> None:
    """It was refused, say for its partition, and its rater has changed their mind since."""

    def record(
        offset: int, arrived_s: int, value: dict[str, Any], *headers: tuple[str, bytes]
    ) -> KafkaRecord:
        payload = Encoder("conversation_event").encode(value)
        return KafkaRecord(0, offset, T0_MS + arrived_s * 1000, b"acme/c1", payload, headers)

    folded = Folded().add(start(), message("a"))
    first = {**like("a", at=5), "producer": "page", "sequence": 1, "held_ms": 0}
    second = {**like("a", liked=False, at=9), "producer": "phone", "sequence": 1, "held_ms": 0}
    again = (FIRST_ARRIVAL, str(T0_MS + 5000).encode())
    decoder = Decoder("conversation_event", sparse=True)
    for one in (record(2, 9, second), record(3, 600, first, again)):
        decoded = decoder.decode(one.value or b"")
        assert (
            fold_record(one, decoded, lambda _key: folded.state, folded.effects, folded.rules) is folded.state
        )
    assert rating(folded) == 1000


NAMELESS, NAMED = {"kind": "user"}, {"kind": "user", "id": "u1"}
HASH = IdentityHash("k1", b"0123456789abcdef")


def raw(record: dict[str, Any]) -> dict[str, Any]:
    return record


def hashed(record: dict[str, Any]) -> dict[str, Any]:
    """As a gateway or an SDK with an identity key sends it."""
    HASH.apply(record)
    return record


@pytest.mark.parametrize("sent", [raw, hashed], ids=["raw ids", "hashed ids"])
@pytest.mark.parametrize("target", ["a", None], ids=["of a message", "of the conversation"])
@pytest.mark.parametrize("known_later", [False, True], ids=["user first", "user later"])
@pytest.mark.parametrize("names", [(NAMELESS, NAMED), (NAMED, NAMELESS)], ids=["named last", "nameless last"])
@pytest.mark.parametrize("withdrawn_by", [NAMELESS, NAMED], ids=["withdrawn nameless", "withdrawn by name"])
def test_one_person_under_two_names_is_one_rater(
    sent: Callable[[dict[str, Any]], dict[str, Any]],
    target: str | None,
    names: tuple[dict[str, Any], ...],
    withdrawn_by: dict[str, Any],
    *,
    known_later: bool,
) -> None:
    votes = f"satisfaction:user:thumb:{'message' if target else 'conversation'}"
    folded = Folded().add(start() if known_later else sent(start(user_id="u1")), message("a"))
    folded.add(
        sent(like(target, liked=False, at=2, rater=names[0])), sent(like(target, at=3, rater=names[1]))
    )
    if known_later:
        assert folded.cells()[votes + ":n"] == 2
        folded.add(sent(start(user_id="u1")))
    assert folded.cells()[votes + ":n"] == 1
    assert folded.cells()[votes + ":sum"] == 5000, "the last word of the two"
    folded.add(end(at=5))
    assert len(folded.effects.finished[-1].record["feedback"]) == 1
    folded.add(sent(feedback(target, None, at=6, kind="thumb", rater=withdrawn_by)), end(at=9))
    assert votes + ":n" not in folded.cells(), "a withdrawal by either name"
    assert folded.effects.finished[-1].record["feedback"] == []


@pytest.mark.parametrize("rater", [NAMELESS, NAMED], ids=["nameless", "named"])
def test_who_was_the_user_and_is_again_keeps_their_word(rater: dict[str, Any]) -> None:
    folded = Folded().add(start(user_id="u1"), message("a"), like("a", at=2, rater=rater))
    for at, user_id in ((3, "u2"), (4, "u1"), (5, "u2"), (6, "u1")):
        folded.add(event("UpdateConversation", {"consent": "unknown", "user_id": user_id}, at=at))
    assert folded.cells()["satisfaction:user:thumb:message:n"] == 1
    folded.add(end(at=9))
    assert len(folded.effects.finished[-1].record["feedback"]) == 1


def test_a_rater_who_was_taken_for_the_user_and_is_not_is_another_rater() -> None:
    folded = Folded().add(start(), message("a"), like("a", at=2, rater=NAMED))
    user = {"consent": "unknown"}
    folded.add(event("UpdateConversation", {**user, "user_id": "u1"}, at=3))
    folded.add(event("UpdateConversation", {**user, "user_id": "u2"}, at=4))
    folded.add(like("a", liked=False, at=5, rater=NAMED))
    assert folded.cells()["satisfaction:user:thumb:message:n"] == 2
    folded.add(event("UpdateConversation", {**user, "user_id": "u1"}, at=6), end(at=9))
    assert folded.cells()["satisfaction:user:thumb:message:n"] == 1
    assert rating(folded) == 1000
    assert len(folded.effects.finished[-1].record["feedback"]) == 1


def test_versions_of_a_judge_stand_side_by_side() -> None:
    judges = [{"kind": "model", "id": "judge", "version": version} for version in ("1", "2", "2")]
    folded = Folded().add(start(), message("a"), *(like("a", rater=judge) for judge in judges), end())
    raters = [one["feedback"]["rater"]["version"] for one in folded.effects.finished[-1].record["feedback"]]
    assert raters == ["1", "2"]


def test_the_event_that_holds_is_named() -> None:
    first, second = like("a", at=2), like("a", liked=False, at=3)
    folded = Folded().add(start(), message("a"), first, second, end())
    (only,) = folded.effects.finished[-1].record["feedback"]
    assert only["event_id"] == second["event_id"]


@pytest.mark.parametrize(
    ("occurred_s", "held_ms", "at_s", "skewed"),
    [
        pytest.param(100, 0, 100, False, id="right"),
        pytest.param(130, 0, 130, False, id="half a minute fast"),
        pytest.param(4000, 0, 160, True, id="an hour fast"),
        pytest.param(-9000, 0, 40, True, id="hours slow"),
        pytest.param(-9000, 9_100_000, -9000, False, id="waited for hours"),
    ],
)
def test_event_time_is_near_when_it_was_sent(
    occurred_s: int, held_ms: int, at_s: int, *, skewed: bool
) -> None:
    record = {"occurred_at": (T0_MS + occurred_s * 1000) * 1000, "held_ms": held_ms, "source": "sdk"}
    event = Event(record, 0, 0, T0_MS + 100_000, 10, version=2)
    assert (event.at // 1000 - T0_MS, event.skewed) == (at_s * 1000, skewed)
    assert event.place == (T0_MS + 100_000 - held_ms) * 1000


def test_skewed_events_are_counted() -> None:
    folded = Folded().add(start(), said(message("a", at=5000), held_ms=0), arrived_ms=T0_MS)
    assert folded.effects.skewed == 2 or folded.cells()["skewed"] >= 1
