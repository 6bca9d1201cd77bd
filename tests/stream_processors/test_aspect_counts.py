"""Votes on aspects: what the fold counts, and the figures that follow from it."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_stream_processors.fold import ASPECTS_VERSION, Rules
from plaudit_stream_processors.fold.rules import CURRENT_VERSION
from plaudit_stream_processors.metrics.declared import DeclaredFirst, declared_only
from plaudit_stream_processors.metrics.estimates import Clusters, Estimate, proportion
from plaudit_stream_processors.metrics.figures import figures
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.metrics.label_names import AllNames

from tests.stream_processors.builders import Folded, end, event, feedback, like, message, start
from tests.support.shared_places import LimitedPlaces, decide, opened_collector

NUMBER = ("Number", {"number": 3, "minimum": 0, "maximum": 4})


def number(given: float, maximum: float = 4) -> tuple[str, dict[str, Any]]:
    return "Number", {"number": given, "minimum": 0, "maximum": maximum}


def labels(*given: str) -> tuple[str, dict[str, Any]]:
    return "Label", {"labels": list(given)}


def shown(folded: Folded) -> dict[tuple[str, ...], Estimate]:
    """The figures of aspects, by name, kind of rater, scale and level."""
    return {
        tuple(figure[:4]): figure.estimate
        for figure in figures(folded.cells())
        if figure.name.startswith("aspect:")
    }


def opened() -> Folded:
    return Folded().add(start(), message("q", "user"), message("a"), message("b"))


def test_each_kind_of_value_rater_and_level_has_a_figure_of_its_own() -> None:
    reviewer = {"id": "r", "kind": "reviewer"}
    folded = opened().add(
        feedback("a", number(3), aspect="helpfulness"),
        feedback("b", number(1, 2), aspect="helpfulness"),
        like("a", aspect="helpfulness"),
        feedback("a", number(0), aspect="helpfulness", rater=reviewer),
        feedback("q", number(4), aspect="clear"),
        feedback(None, number(1), aspect="helpfulness"),
    )
    found = {which: (estimate.value, estimate.count) for which, estimate in shown(folded).items()}
    assert found == {
        ("aspect:helpfulness", "user", "number", "message"): (0.625, 2),
        ("aspect:helpfulness", "user", "thumb", "message"): (1.0, 1),
        ("aspect:helpfulness", "reviewer", "number", "message"): (0.0, 1),
        ("aspect:clear", "user", "number", "prompt"): (1.0, 1),
        ("aspect:helpfulness", "user", "number", "conversation"): (0.25, 1),
    }


def test_a_figure_has_its_interval_and_the_conversations_behind_it() -> None:
    folded = opened().add(
        feedback("a", number(4), aspect="x"), feedback("b", number(2), aspect="x"), like("a", aspect="x")
    )
    mean = shown(folded)["aspect:x", "user", "number", "message"]
    assert (mean.voters, mean.count, mean.high) == (1, 2, 1.0)
    assert mean.low == pytest.approx(0.26, abs=1e-3)
    share = shown(folded)["aspect:x", "user", "thumb", "message"]
    assert (share.voters, share.low is not None and share.low < 0.3) == (1, True)


@pytest.mark.parametrize("aspect", ["satisfaction", "accuracy"])
def test_an_aspect_with_figures_of_its_own_is_not_counted_twice(aspect: str) -> None:
    assert shown(opened().add(like("a", aspect=aspect), feedback("a", NUMBER, aspect=aspect))) == {}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(feedback("a", ("Text", {"text": "x"}), aspect="x"), id="text"),
        pytest.param(feedback("a", ("Signal", {"name": "copied"}), aspect="x"), id="signal"),
        pytest.param(feedback("a", None, aspect="x", kind="thumb"), id="withdrawal"),
        pytest.param(like("tool", aspect="x"), id="message-of-a-tool"),
        pytest.param(like("nowhere", aspect="x"), id="message-that-never-comes"),
    ],
)
def test_what_is_no_vote(given: dict[str, Any]) -> None:
    assert shown(opened().add(message("tool", "tool"), given)) == {}


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_vote_that_comes_before_its_message_counts_when_that_comes(role: str) -> None:
    folded = Folded().add(start(), like("m", aspect="x"))
    assert shown(folded) == {}
    folded.add(message("m", role, at=5))
    ((which, estimate),) = shown(folded).items()
    assert (which[3], estimate.count) == ("prompt" if role == "user" else "message", 1)


def test_changed_and_withdrawn_votes_leave_nothing_behind() -> None:
    plain = opened().cells()
    folded = opened().add(feedback("a", number(1), aspect="x"), feedback("a", labels("p", "q"), aspect="y"))
    folded.add(feedback("a", number(4), aspect="x", at=3), feedback("a", labels("q"), aspect="y", at=3))
    assert shown(folded)["aspect:x", "user", "number", "message"].value == 1.0
    assert [which[2] for which in shown(folded) if which[0] == "aspect:y"] == ["label:q"]
    folded.add(
        feedback("a", None, aspect="x", kind="number", at=4),
        feedback("a", None, aspect="y", kind="label", at=4),
    )
    left = {c: n for c, n in folded.cells().items() if not c.startswith("feedback:")}
    assert left == plain


def test_names_with_blanks_colons_and_other_scripts_come_back_whole() -> None:
    name = "aspect: ist es n\u00fctzlich? n:sum"
    folded = opened().add(
        feedback("a", number(3), aspect=name), feedback("a", labels("n", "a:sum x"), aspect=name)
    )
    assert {(which[0], which[2]) for which in shown(folded)} == {
        ("aspect:" + name, "number"),
        ("aspect:" + name, "label:n"),
        ("aspect:" + name, "label:a:sum x"),
    }


def test_earlier_rules_do_not_count_and_later_ones_count_what_changes() -> None:
    folded = Folded(Rules(version=ASPECTS_VERSION - 1)).add(start(), message("a"), message("b"))
    folded.add(like("a", aspect="x"), like("b", aspect="x"))
    assert shown(folded) == {}
    folded.rules = Rules()
    folded.add(like("a", False, aspect="x", at=5))
    ((_, estimate),) = shown(folded).items()
    assert (estimate.value, estimate.count) == (0.0, 1)


_VOTES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("rs"),
        st.one_of(st.none(), st.lists(st.sampled_from("xyz"), min_size=1, max_size=3)),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(_VOTES)
def test_shares_of_labels_equal_a_count_of_what_holds_in_the_end(votes: list[tuple[str, str, Any]]) -> None:
    folded = Folded().add(start(), *(message(one) for one in "abc"))
    held: dict[tuple[str, str], set[str]] = {}
    for at, (target, rater, said) in enumerate(votes):
        value = None if said is None else labels(*said)
        more = {} if value else {"kind": "label"}
        rating = {"rater": {"id": rater, "kind": "reviewer"}, "aspect": "tone", **more}
        folded.add(feedback(target, value, at=at + 2, **rating))
        held.pop((target, rater), None)
        if said is not None:
            held[target, rater] = set(said)
    count: defaultdict[str, int] = defaultdict(int)
    for all_said in held.values():
        for label in all_said:
            count[label] += 1
    n = len(held)
    expected = {
        f"label:{label}": proportion(
            n, 1000 * s, Clusters(1, n, 1000 * s, (1000 * s) ** 2, 1000 * s * n, n * n)
        )
        for label, s in count.items()
    }
    assert {which[2]: estimate for which, estimate in shown(folded).items()} == expected


def test_labels_of_several_conversations_widen_the_interval() -> None:
    counts: defaultdict[str, int] = defaultdict(int)
    for label in ["x"] * 6 + ["y"] * 6:
        folded = Folded().add(start(), *(message(one) for one in "abc"))
        folded.add(*(feedback(one, labels(label), aspect="tone") for one in "abc"))
        for counter, amount in folded.cells().items():
            counts[counter] += amount
    (x, _) = (figure.estimate for figure in figures(counts) if figure.name == "aspect:tone")
    assert (x.value, x.count, x.voters) == (0.5, 36, 12)
    independent = proportion(36, 18_000, Clusters(36, 36, 18_000, 18_000_000, 18_000, 36))
    assert x.low is not None
    assert independent.low is not None
    assert x.low < independent.low


def declared(*names: str, **more: Any) -> Aspects:
    return Aspects(
        {
            "shop": [
                AspectDeclaration(
                    name=name, kinds=("thumb", "label"), levels=("message",), direction="neutral", **more
                )
                for name in names
            ]
        }
    )


def test_what_an_application_does_not_declare_is_shown_as_other() -> None:
    folded = opened().add(
        like("a", aspect="known"), like("a", aspect="typo"), like("b", False, aspect="tpyo"), like("a")
    )
    counts = declared_only(folded.cells(), "shop", declared("known"))
    assert {f.name: f.estimate.count for f in figures(counts) if "aspect" in f.name} == {
        "aspect:known": 1,
        "aspect:other": 2,
    }
    assert declared_only(folded.cells(), "bank", declared("known")) == folded.cells()
    plain = {c: n for c, n in counts.items() if not c.startswith("aspect:")}
    assert plain == {c: n for c, n in folded.cells().items() if not c.startswith("aspect:")}


def test_labels_that_are_not_declared_are_other_and_never_more_than_all() -> None:
    folded = opened().add(feedback("a", labels("warm", "p", "q"), aspect="tone"))
    counts = declared_only(folded.cells(), "shop", declared("tone", labels=("warm", "cold")))
    found = {f.scale: f.estimate.value for f in figures(counts) if f.name == "aspect:tone"}
    assert found == {"label:warm": 1.0, "label:other": 1.0}


def test_aspects_past_the_limit_are_other_but_what_is_declared_gets_in() -> None:
    limit = LabelLimit(DeclaredFirst(LimitedPlaces(), 2, declared("known", labels=("warm",))))

    async def decide_all() -> None:
        collector = await opened_collector(limit)
        for aspect in ("p", "q", "s", "known"):
            collector.collect_feedback("app", like("a", aspect=aspect)["body"][1]["feedback"])
        for label in ("u", "v", "w", "warm"):
            given = feedback("a", labels(label), aspect="known")
            collector.collect_feedback("app", given["body"][1]["feedback"])
        await decide(limit)

    asyncio.run(decide_all())
    names = limit.names_at(0, CURRENT_VERSION)
    shown_parts = [names.part_for("app", aspect) for aspect in ("p", "q", "s", "known")]
    assert shown_parts == ["p", "other", "other", "known"]
    assert [names.part_for("app", "known", one) for one in ("u", "v", "w", "warm")] == [
        "u",
        "other",
        "other",
        "warm",
    ]
    assert limit.refused_values == 4


def test_two_labels_past_the_limit_count_once() -> None:
    class OtherLabels(AllNames):
        def part_for(self, application: str, aspect: str, label: str | None = None) -> str:
            return super().part_for(application, aspect) if label is None else "other"

    folded = Folded(Rules(names_at=lambda _arrived_ms, _version: OtherLabels())).add(
        start(), message("a"), feedback("a", labels("p", "q"), aspect="x")
    )
    assert shown(folded)["aspect:x", "user", "label:other", "message"].value == 1.0


def test_an_ended_or_erased_conversation_keeps_its_counts() -> None:
    folded = opened().add(like("a", aspect="x"), end(), event("EraseConversation", {"reason": ""}, at=20))
    assert shown(folded)["aspect:x", "user", "thumb", "message"].count == 1
