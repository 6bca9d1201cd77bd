"""Late words, consent, and what models say: nothing is lost, and nothing counts that must not."""

import re
from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.limits import HELD_LIMIT
from plaudit_schemas.contract.times import EARLIEST_MICROS, LATEST_MICROS
from plaudit_schemas.errors import ExpiredError
from plaudit_stream_processors.fold import CURRENT_VERSION, Rules

from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, like, message, start

RULES = Rules(state_retention_ms=60_000)
LATE_MS = T0_MS + 9_000 + 60_001
SCORE = ("Number", {"number": 0.5, "minimum": 0, "maximum": 1})
JUDGE = {"kind": "model", "id": "judge", "version": "1"}


def consent(word: str, *, at: int = 20, **envelope: Any) -> dict[str, Any]:
    return {**event("UpdateConversation", {"consent": word}, at=at), **envelope}


def ended() -> Folded:
    return Folded(RULES).add(start(consent="granted"), message("a"), like("a"), end(at=9))


def amendments(folded: Folded) -> list[dict[str, Any]]:
    """The amendments as their readers see them."""
    found = [one.record for one in folded.effects.finished if one.schema == "amendment"]
    return [Decoder("amendment").decode(Encoder("amendment").encode(record)) for record in found]


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(like("a", rater={"kind": "reviewer", "id": "r"}), id="verdict"),
        pytest.param(feedback("a", SCORE, rater=JUDGE, aspect="helpful"), id="score"),
        pytest.param(
            event("CompareMessages", {
                "comparison_id": "x", "candidates": ["a", "b"], "ranking": [["a"], ["b"]],
                "rater": {"kind": "reviewer"}, "aspect": "preference", "none_acceptable": False,
            }),
            id="comparison",
        ),
        pytest.param(consent("denied"), id="denial"),
        pytest.param(
            event("ExcludeFromTraining", {
                "message_id": "a", "excluded": True, "rater": {"kind": "reviewer"}, "reason": "",
            }),
            id="exclusion",
        ),
    ],
)  # fmt: skip
def test_a_word_after_the_retention_is_an_amendment(late: dict[str, Any]) -> None:
    folded = ended()
    cells = folded.cells()
    folded.add(late, arrived_ms=LATE_MS)
    (amendment,) = amendments(folded)
    assert (amendment["event_id"], amendment["source_offset"]) == (late["event_id"], 4)
    assert (amendment["arrived_at"], amendment["rules"]) == (LATE_MS * 1000, CURRENT_VERSION)
    assert folded.refused == []
    assert folded.cells() == cells, "words after the retention are in no figure"
    assert not folded.state.is_open


@pytest.mark.parametrize(
    "late",
    [message("b", at=20), consent("granted"), start(), event("UpdateConversation", {"consent": "unknown"})],
    ids=["message", "grant", "start", "tags"],
)
def test_what_is_no_word_on_the_chat_is_refused_after_the_retention(late: dict[str, Any]) -> None:
    folded = ended().add(late, arrived_ms=LATE_MS)
    assert [reason for reason, _ in folded.refused] == [ExpiredError.reason]
    assert amendments(folded) == []


def test_a_word_on_a_conversation_that_nobody_knows_is_kept_twice() -> None:
    """It may have ended before the log begins, or begin later: both come out right."""
    early = like("a", at=1)
    folded = Folded(RULES).add(early)
    assert [one["event_id"] for one in amendments(folded)] == [early["event_id"]]
    folded.add(start(), message("a"), end())
    (kept,) = folded.effects.finished[-1].record["feedback"]
    assert kept["event_id"] == early["event_id"], "the same event: the builder merges by its id"


def test_every_word_on_a_conversation_whose_start_never_comes_is_kept() -> None:
    """It ended before the log begins: its end here emits nothing that could carry the words."""
    words = [like("a", at=1), like("a", liked=False, at=2), consent("denied", at=3)]
    folded = Folded(RULES).add(*words, end(at=4), like("a", at=5))
    assert len(amendments(folded)) == 4
    assert folded.effects.incomplete == 1
    folded.add(feedback("a", SCORE, rater=JUDGE, aspect="helpful", at=6))
    assert len(amendments(folded)) == 5


def test_erased_conversations_refuse_people_and_drop_scores() -> None:
    folded = ended().add(event("EraseConversation", {"reason": ""}, at=10))
    folded.add(like("a", at=11), feedback("a", SCORE, rater=JUDGE, aspect="helpful", at=12))
    assert [reason for reason, _ in folded.refused] == [ExpiredError.reason]
    assert folded.effects.dropped_scores == 1
    assert amendments(folded) == []


def test_a_score_is_no_activity() -> None:
    folded = Folded(RULES).add(start(), message("a"))
    active = folded.state.activity_ms
    folded.add(feedback("a", SCORE, rater=JUDGE, aspect="helpful", at=5))
    assert folded.state.activity_ms == active
    assert amendments(folded) == [], "the next revision carries it"
    folded.add(end(at=9), feedback("a", SCORE, rater={**JUDGE, "version": "2"}, aspect="helpful", at=20))
    assert not folded.state.is_open
    assert len(amendments(folded)) == 1
    assert len(folded.state.feedback) == 2
    assert "covered" not in folded.cells(), "coverage counts people"


def test_exclusions_are_in_the_finished_record() -> None:
    def exclude(message_id: str | None, excluded: bool, at: int) -> dict[str, Any]:
        body = {"excluded": excluded, "rater": {"kind": "reviewer"}, "reason": ""}
        return event(
            "ExcludeFromTraining", {**body, **({"message_id": message_id} if message_id else {})}, at=at
        )

    folded = Folded().add(
        start(), message("a"), message("b", at=2), exclude("a", True, 3), exclude("b", True, 4),
        exclude("b", False, 5), end(),
    )  # fmt: skip
    record = folded.effects.finished[-1].record
    assert [bool(one.get("excluded")) for one in record["messages"]] == [True, False]
    assert record["excluded"] is False
    folded.add(exclude(None, True, 20), end(at=30))
    assert len(amendments(folded)) == 1, "it does not open the conversation again"
    folded.add(message("c", at=31), end(at=40))
    assert folded.effects.finished[-1].record["excluded"] is True


def test_a_guessed_parent_is_marked_where_two_producers_speak() -> None:
    page, backend = {"producer": "page"}, {"producer": "backend"}
    folded = Folded().add(
        start(), {**message("q", "user"), **page}, {**message("a", at=2), **backend},
        {**message("q2", "user", at=3), **page, "body": ("plaudit.v1.AddMessage", {
            "message_id": "q2", "role": "user", "content": "x", "parent_id": "a", "status": "complete"})},
        {**message("r", at=4), **page}, end(),
    )  # fmt: skip
    guessed = {
        one["message_id"]: one.get("parent_guessed", False)
        for one in folded.effects.finished[-1].record["messages"]
    }
    assert guessed == {"q": False, "a": True, "q2": False, "r": False}


@pytest.mark.parametrize(
    ("others", "guessed"), [(["page"], False), (["backend"], True)], ids=["one producer", "two producers"]
)
def test_a_question_after_a_question_is_a_guess_where_somebody_else_may_have_answered(
    others: list[str], *, guessed: bool
) -> None:
    """The answer to the first question comes after the second one, and names its parent."""
    folded = Folded().add(
        start(), {**message("q1", "user", at=1), "producer": "page"},
        {**message("q2", "user", at=2), "producer": "page"},
        *({**message("a1", at=3, parent_id="q1"), "producer": other} for other in others), end(),
    )  # fmt: skip
    messages = folded.effects.finished[-1].record["messages"]
    assert [bool(one.get("parent_guessed")) for one in messages] == [False, guessed, False]


def test_tags_over_the_limit_by_many_updates_are_refused() -> None:
    folded = Folded().add(start(tags={str(n): "x" for n in range(30)}))
    for n in range(30, 34):
        folded.add(event("UpdateConversation", {"consent": "unknown", "tags": {str(n): "x"}}, at=n))
    problem = "tags would be 33 with those of earlier events; 32 are allowed"
    assert folded.refused == [("invalid", problem)] * 2
    assert len(folded.state.facts["tags"]) == 32
    folded.add(event("UpdateConversation", {"consent": "unknown", "tags": {"0": "y"}}, at=50))
    assert folded.state.facts["tags"]["0"] == "y"


def test_a_latency_that_is_gone_is_taken_back_once() -> None:
    def version(n: int, **body: Any) -> dict[str, Any]:
        return message("a", at=n, content=str(n), status="partial", **body)

    folded = Folded().add(start(), version(1, latency_ms=100), *(version(n) for n in range(2, 6)))
    assert not any(name.startswith("latency") for name in folded.cells())


def test_the_first_rules_still_hold_for_an_old_log() -> None:
    """What the code before did, so that a replay and an audit of an old log agree with what was written."""
    folded = Folded(Rules(state_retention_ms=60_000, version=1)).add(
        start(user_id="u1", consent="granted"), message("a"), like("a", at=2),
        like("a", liked=False, at=1, rater={"kind": "user", "id": "u1"}), consent("denied", at=-3),
        end(at=9),
    )  # fmt: skip
    record = folded.effects.finished[-1].record
    assert (record["consent"], record["rules"], len(record["feedback"])) == ("granted", 1, 2)
    folded.add(like("a", at=10), arrived_ms=LATE_MS)
    assert [reason for reason, _ in folded.refused] == [ExpiredError.reason]


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        pytest.param(EARLIEST_MICROS - 1, "years 1 to 9999", id="year 0"),
        pytest.param(LATEST_MICROS + 1, "years 1 to 9999", id="year 10000"),
        pytest.param(-(2**63), "years 1 to 9999", id="least number"),
        pytest.param(T0_MS * 1_000_000, f"nanoseconds; .*{T0_MS * 1000}", id="nanoseconds"),
    ],
)
@pytest.mark.parametrize("field", ["occurred_at", "last_activity_at"])
def test_times_that_no_calendar_has_are_refused(field: str, at: int, problem: str) -> None:
    wrong = end(at=9)
    (wrong if field == "occurred_at" else wrong["body"][1])[field] = at
    folded = Folded().add(start(), message("a"))
    cells = folded.cells()
    folded.add(wrong, arrived_ms=T0_MS + 9_000)
    ((reason, detail),) = folded.refused
    assert reason == "invalid"
    assert re.match(f"{field} .*{problem}", detail)
    assert (folded.state.is_open, folded.cells()) == (True, cells)


@pytest.mark.parametrize(
    "held_ms", [-1, -(2**62), HELD_LIMIT, 2**62], ids=["-1 ms", "least", "limit", "most"]
)
@pytest.mark.parametrize("arrived_ms", [T0_MS + 9_000, LATE_MS], ids=["soon", "late"])
def test_how_long_an_event_waited_is_checked(arrived_ms: int, held_ms: int) -> None:
    """A negative number would place a word in the future, where no later one could overrule it."""
    folded = ended().add({**like("a", at=20), "held_ms": held_ms}, arrived_ms=arrived_ms)
    ((reason, detail),) = folded.refused
    assert (reason, "held_ms" in detail) == ("invalid", True)


def test_a_time_in_another_unit_is_folded_as_ever() -> None:
    """It is a time in 1970, and a replay must give what it gave. The doors refuse it."""
    folded = Folded().add(start(), {**message("a"), "occurred_at": T0_MS}, arrived_ms=T0_MS)
    assert folded.refused == []


@pytest.mark.parametrize(
    ("held_ms", "expected"),
    [
        pytest.param(None, None, id="of an older producer"),
        pytest.param(0, 40_000, id="sent at once"),
        pytest.param(250, 40_250, id="held"),
    ],
)
def test_a_letter_that_is_sent_again_has_waited_since_its_first_arrival(
    held_ms: int | None, expected: int | None
) -> None:
    held = {} if held_ms is None else {"held_ms": held_ms}  # records are sparse
    folded = ended().add(
        {**like("a", rater={"kind": "reviewer", "id": "r"}), **held},
        arrived_ms=LATE_MS,
        first_arrived_ms=LATE_MS - 40_000,
    )
    (amendment,) = amendments(folded)
    assert amendment["held_ms"] == expected
