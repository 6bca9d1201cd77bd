"""Scores of models beside what people say: what the fold counts, and the figures that follow from it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.contract.names import AGREEMENT_FIGURES, agreement_parts
from plaudit_stream_processors.fold import SCORES_VERSION, Rules
from plaudit_stream_processors.metrics.declared import declared_only
from plaudit_stream_processors.metrics.estimates import Estimate
from plaudit_stream_processors.metrics.figures import figures
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.fields import changed_fields, conversation_of

from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, like, message, start
from tests.support import agreement_pairs
from tests.support.shared_places import SharedPlaces, decide, opened_collector

SCORER = {"id": "taste", "kind": "model", "version": "1"}
REVIEWER = {"id": "r", "kind": "reviewer"}


def score(message_id: str, number: float, *, maximum: float = 1, **more: Any) -> dict[str, Any]:
    value = ("Number", {"number": number, "minimum": 0, "maximum": maximum})
    return feedback(message_id, value, **{"rater": SCORER, "at": 3, **more})


def stars(message_id: str, number: float, **more: Any) -> dict[str, Any]:
    return feedback(message_id, ("Number", {"number": number, "minimum": 1, "maximum": 5}), **more)


def opened() -> Folded:
    return Folded().add(start(), message("q", "user"), message("a"), message("b"))


def shown(folded: Folded, name: str = "agreement_accuracy") -> dict[tuple[str, ...], Estimate]:
    """(aspect, kind of people, scorer) -> one figure of agreement."""
    found: dict[tuple[str, ...], Estimate] = {}
    for figure in figures(folded.cells()):
        parts = agreement_parts(figure.name)
        if parts is not None and parts[0] == name:
            found[parts[1], figure.rater_kind, figure.scale] = figure.estimate
    return found


def pairs(folded: Folded) -> dict[tuple[str, ...], list[tuple[int, bool]]]:
    return agreement_pairs.pairs_of(folded.state.messages, list(folded.state.feedback.values()))


def left(folded: Folded) -> dict[str, int]:
    return {c: n for c, n in folded.cells().items() if c.startswith("agreement:")}


def test_a_score_is_compared_with_the_vote_on_its_message() -> None:
    folded = opened().add(like("a"), score("a", 0.8), like("b", False), score("b", 0.7))
    ((which, estimate),) = shown(folded).items()
    assert which == ("satisfaction", "user", "taste:1")
    assert estimate.value == 0.5
    for name in AGREEMENT_FIGURES:
        (estimate,) = shown(folded, name).values()
        assert (estimate.count, estimate.voters) == (2, 1), name
    assert left(folded)["agreement:user:satisfaction:taste:1:error"] == 40_000 + 490_000


@pytest.mark.parametrize("first", ["score", "vote"])
@pytest.mark.parametrize("early", [False, True], ids=["message first", "message last"])
def test_the_order_does_not_matter(first: str, early: bool) -> None:
    events = [score("a", 0.9, at=3), like("a", at=5)][:: 1 if first == "score" else -1]
    messages = [message("a")]
    folded = Folded().add(start(), *(events + messages if early else messages + events))
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 1.0
    counted = next(slot["agreed"]["user"] for slot in folded.state.feedback.values() if "agreed" in slot)
    assert counted["at"] == T0_MS * 1000 + 5_000_000, "a pair is there with the later of the two"


@pytest.mark.parametrize(
    ("judged", "aspect", "right"),
    [
        (like("a"), "satisfaction", 1.0),
        (like("a", False), "satisfaction", 0.0),
        (stars("a", 4), "satisfaction", 1.0),
        (stars("a", 3), "satisfaction", None),
        (stars("a", 2), "satisfaction", 0.0),
        (like("a", aspect="accuracy"), "accuracy", 1.0),
        (feedback("a", ("Label", {"labels": ["incorrect"]}), aspect="accuracy"), "accuracy", 0.0),
        (feedback("a", ("Label", {"labels": ["correct", "incorrect"]}), aspect="accuracy"), "accuracy", None),
        (feedback("a", ("Label", {"labels": ["correct"]}), aspect="tone"), "tone", None),
        (like("a", aspect="tone"), "tone", 1.0),
        (feedback("a", ("Text", {"text": "good"})), "satisfaction", None),
        (feedback("a", ("Signal", {"name": "copied"})), "satisfaction", None),
        (like("a", aspect="tone"), "satisfaction", None),
        (like("a", rater={"kind": "model", "id": "other"}), "satisfaction", None),
        (like("b"), "satisfaction", None),
        (like(None), "satisfaction", None),
    ],
    ids=[
        "like", "dislike", "four stars", "the middle", "two stars", "like of accuracy", "incorrect",
        "both labels", "label of another aspect", "like of another aspect", "text", "a signal",
        "other aspects", "another model", "another message", "the whole conversation",
    ],
)  # fmt: skip
def test_what_people_say(judged: dict[str, Any], aspect: str, right: float | None) -> None:
    given_ = score("a", 0.9, aspect=aspect)
    for events in ((judged, given_), (given_, judged)):
        found = shown(opened().add(*events))
        assert [estimate.value for estimate in found.values()] == ([] if right is None else [right])


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(like("a", rater=SCORER), id="a model's like"),
        pytest.param(score("q", 0.9), id="score of a prompt"),
        pytest.param(feedback(None, ("Number", {"number": 1, "minimum": 0, "maximum": 1}), rater=SCORER),
                     id="score of a conversation"),
        pytest.param(score("nowhere", 0.9), id="score of a message that never comes"),
    ],
)  # fmt: skip
def test_what_is_no_score_of_an_answer(said: dict[str, Any]) -> None:
    votes = [like("a"), like("q"), like(None), like("nowhere")]
    assert left(opened().add(*votes, said)) == {}


def test_the_majority_counts_and_a_tie_takes_the_pair_away() -> None:
    folded = opened().add(score("a", 0.9), like("a", rater={"id": "u", "kind": "user"}))
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 1.0
    folded.add(like("a", False, rater={"id": "v", "kind": "user"}, at=4))
    assert left(folded) == {}
    folded.add(like("a", False, rater={"id": "w", "kind": "user"}, at=5))
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 0.0


def test_users_and_reviewers_versions_and_aspects_stand_apart() -> None:
    second = {**SCORER, "version": "2"}
    folded = opened().add(
        like("a"), like("a", False, rater=REVIEWER), like("a", aspect="tone"),
        score("a", 0.9), score("a", 0.1, rater=second), score("a", 0.9, aspect="tone"),
    )  # fmt: skip
    assert {which: estimate.value for which, estimate in shown(folded).items()} == {
        ("satisfaction", "user", "taste:1"): 1.0,
        ("satisfaction", "user", "taste:2"): 0.0,
        ("satisfaction", "reviewer", "taste:1"): 0.0,
        ("satisfaction", "reviewer", "taste:2"): 1.0,
        ("tone", "user", "taste:1"): 1.0,
    }


def test_the_scale_of_a_score_does_not_matter() -> None:
    folded = opened().add(like("a"), score("a", 4, maximum=5), like("b"), score("b", 0.5))
    assert left(folded)["agreement:user:satisfaction:taste:1:error"] == 40_000 + 250_000
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 1.0, "the middle is on the side of yes"


def test_changed_and_withdrawn_votes_and_scores_leave_nothing_behind() -> None:
    folded = opened().add(score("a", 0.93), like("a"))
    folded.add(score("a", 0.12, at=4), like("a", False, at=5))
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 1.0
    assert left(folded)["agreement:user:satisfaction:taste:1:no:6"] == 1
    folded.add(feedback("a", None, kind="number", rater=SCORER, at=6))
    assert left(folded) == {}
    folded.add(score("a", 0.4, at=7))
    assert shown(folded)["satisfaction", "user", "taste:1"].count == 1
    folded.add(feedback("a", None, kind="thumb", at=8))
    assert left(folded) == {}


def test_a_change_corrects_the_bucket_of_the_first_count() -> None:
    folded = opened().add(score("a", 0.9, at=3), like("a", at=4))
    hour = 3600
    folded.add(like("a", False, at=hour))
    (bucket,) = [
        name for name, cells in folded.effects.counters.by_bucket().items()
        if name.startswith("10m") and any("agreement:" in cell for cell in cells)
    ]  # fmt: skip
    assert int(bucket.removeprefix("10m:")) <= T0_MS // 1000 + 4


def test_a_user_under_two_names_has_one_vote() -> None:
    folded = opened().add(score("a", 0.9), like("a", rater={"id": "u9", "kind": "user"}))
    folded.add(like("a", False, rater={"kind": "user"}, at=4))
    assert left(folded) == {}, "two people who differ"
    folded.add(event("UpdateConversation", {"consent": "unknown", "user_id": "u9"}, at=6))
    assert shown(folded)["satisfaction", "user", "taste:1"].value == 0.0


def test_a_pair_that_alone_changes_is_written_with_the_conversations_votes() -> None:
    folded = opened().add(like("a", aspect="accuracy"))
    versions = [{**SCORER, "version": version} for version in "123"]
    folded.add(*(score("a", 0.9, aspect="accuracy", rater=rater) for rater in versions))
    changed_fields(folded.state)
    # Most models still call it correct: no other figure of the conversation changes.
    folded.add(score("a", 0.1, aspect="accuracy", rater=versions[2], at=9))
    assert shown(folded)["accuracy", "user", "taste:3"].value == 0.0
    assert "votes" in folded.state.dirty


def test_a_score_after_the_end_counts_and_the_conversation_stays_ended() -> None:
    folded = opened().add(like("a"), end(at=9)).add(score("a", 0.9, at=10))
    assert (shown(folded)["satisfaction", "user", "taste:1"].count, folded.state.is_open) == (1, False)


def test_earlier_rules_do_not_count_and_later_ones_count_what_changes() -> None:
    folded = Folded(Rules(version=SCORES_VERSION - 1)).add(start(), message("a"), message("b"))
    folded.add(like("a"), score("a", 0.9), like("b"), score("b", 0.9))
    assert left(folded) == {}
    folded.rules = Rules()
    folded.add(like("a", False, at=5))
    assert shown(folded)["satisfaction", "user", "taste:1"].count == 1


def test_conversations_without_scores_have_no_trace_of_them() -> None:
    folded = opened().add(like("a"), stars("b", 2), like("a", rater=REVIEWER), end())
    assert left(folded) == {}
    assert not any("agreed" in slot for slot in folded.state.feedback.values())


def test_names_with_colons_and_blanks_come_back_whole() -> None:
    rater = {"id": "a:b c|d", "kind": "model", "version": "v 1:2"}
    folded = opened().add(like("a", aspect="is it: good"), score("a", 1, aspect="is it: good", rater=rater))
    assert list(shown(folded)) == [("is it: good", "user", "a:b c|d:v 1:2")]
    nameless = opened().add(like("a"), score("a", 1, rater={"id": "plain", "kind": "model"}))
    assert list(shown(nameless)) == [("satisfaction", "user", "plain")]


def test_scorers_past_the_limit_are_other_and_each_of_their_scores_counts() -> None:
    limit = LabelLimit(SharedPlaces(1))
    raters = [{**SCORER, "version": version} for version in "123"]
    given_ = [score("a", 0.9, rater=rater) for rater in raters]
    arrived_ms = T0_MS

    async def decide_all() -> None:
        collector = await opened_collector(limit, arrived_ms)
        for one in given_:
            collector.collect_feedback(one["application"], one["body"][1]["feedback"])
        await decide(limit, arrived_ms)

    asyncio.run(decide_all())
    rules = Rules(names_at=limit.names_at)
    folded = Folded(rules).add(start(), message("a"), like("a"), *given_)
    assert {which[2]: estimate.count for which, estimate in shown(folded).items()} == {
        "taste:1": 1,
        "other": 2,
    }
    assert limit.refused_values == 2
    folded.add(like("a", False, at=6), feedback("a", None, kind="number", rater=raters[1], at=7))
    assert shown(folded)["satisfaction", "user", "other"].count == 1


def test_an_aspect_that_is_not_declared_is_shown_as_other() -> None:
    tone = AspectDeclaration(name="tone", kinds=("thumb",), levels=("message",), direction="neutral")
    folded = opened()
    for aspect in ("tone", "typo", "satisfaction", "accuracy"):
        folded.add(like("a", aspect=aspect), score("a", 0.9, aspect=aspect))
    counts = declared_only(folded.cells(), "shop", Aspects({"shop": [tone]}))
    found = [agreement_parts(figure.name) for figure in figures(counts)]
    assert {parts[1] for parts in found if parts} == {"tone", "other", "satisfaction", "accuracy"}


_SAID = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(
            [
                *({"kind": "user", "id": name} for name in "uvw"),
                *({"kind": "reviewer", "id": name} for name in "rs"),
                *({"kind": "model", "id": "taste", "version": version} for version in "12"),
            ]
        ),
        st.sampled_from(["satisfaction", "accuracy"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(min_value=0, max_value=1000),
        ),
    ),
    max_size=40,
)


def _event(at: int, said: tuple[Any, ...]) -> dict[str, Any]:
    message_id, rater, aspect, value = said
    if value is None:
        return feedback(message_id, None, kind="number", rater=rater, aspect=aspect, at=at)
    if isinstance(value, bool):
        return like(message_id, value, rater=rater, aspect=aspect, at=at)
    number = ("Number", {"number": value, "minimum": 0, "maximum": 1000})
    return feedback(message_id, number, rater=rater, aspect=aspect, at=at)


@settings(deadline=None)
@given(_SAID)
def test_the_figures_are_those_of_the_pairs_that_remain(said: list[tuple[Any, ...]]) -> None:
    events = [message("c", at=5), *(_event(6 + at, one) for at, one in enumerate(said))]
    if len(events) > 1:
        events[0], events[len(events) // 2] = events[len(events) // 2], events[0]
    folded = Folded().add(start(), message("a"), message("b"), *events)
    expected = pairs(folded)
    for name, worked_out in (
        ("agreement_accuracy", agreement_pairs.accuracy),
        ("agreement_auc", agreement_pairs.area),
        ("agreement_brier", agreement_pairs.brier),
        ("agreement_calibration_error", agreement_pairs.calibration),
        ("agreement_mcc", agreement_pairs.matthews),
    ):
        found = {which: (one.value, one.count) for which, one in shown(folded, name).items()}
        assert found == {
            (aspect, kind, f"{scorer}:{version}"): (
                pytest.approx(worked_out(some)) if worked_out(some) is not None else None,
                len(some),
            )
            for (kind, aspect, scorer, version), some in expected.items()
        }
    # The same with a state that is read back from Redis before each event.
    again = Folded().add(start(), message("a"), message("b"))
    stored: dict[bytes, bytes] = {}
    for one in [*events, end(at=100)]:
        flat = [part if isinstance(part, bytes) else part.encode() for part in changed_fields(again.state)]
        stored |= dict(zip(flat[::2], flat[1::2], strict=True))
        again.state = conversation_of("acme/c1", stored)
        again.add(one)
    assert left(again) == left(folded)
    assert again.state.votes == folded.state.votes
