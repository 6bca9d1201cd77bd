"""What holds of every unit and row, whatever the conversations."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_consumers.rows.unit_counts import UnitCounts

from tests.consumers.builders import rows, units
from tests.support.finished import T0_MS, Record, comparison, correction, finished, like, message, number

ROLES = ("system", "user", "assistant", "assistant", "tool", "unknown")
STATUSES = ("complete", "complete", "complete", "cut", "error", "partial")


def random_chat(rng: random.Random, offset: int) -> Record:
    """A tree with branches, holes, loops and judgements of anything."""
    names = [f"m{at}" for at in range(rng.randint(1, 9))]
    messages = [
        message(
            name,
            ("user", "assistant")[at % 2] if rng.random() < 0.7 else rng.choice(ROLES),
            parent_id=rng.choice(
                ["", *names[max(0, at - 2) : at], *(["gone"] if rng.random() < 0.02 else [])]
            ),
            content=rng.choice(["", f"text {rng.randrange(4)}"]),
            status=rng.choice(STATUSES),
            orphan=rng.random() < 0.02,
            attachments=[{"uri": "s3://b/x", "media_type": "image/png"}] if rng.random() < 0.02 else [],
        )
        for at, name in enumerate(names)
    ]
    feedback = [_judgement(rng, rng.choice([*names, "gone", None])) for _ in range(rng.randrange(12))]
    compared = [_ranking(rng, names) for _ in range(rng.randrange(3))] if len(names) > 1 else []
    consent = rng.choice(["granted"] * 4 + ["denied", "unspecified"])
    return finished(*messages, feedback=feedback, comparisons=compared, consent=consent, offset=offset)


def _judgement(rng: random.Random, name: str | None) -> Record:
    rater = {"id": f"r{rng.randrange(3)}"}
    kind = rng.randrange(3)
    if kind == 0 or name is None:
        return like(name, rng.random() < 0.5, rater=rater)
    return (
        number(name, rng.randint(1, 5), rater=rater) if kind == 1 else correction(name, "better", rater=rater)
    )


def _ranking(rng: random.Random, names: list[str]) -> Record:
    shown = rng.sample(names, rng.randint(2, len(names)))
    cut = rng.randint(1, len(shown))
    return comparison(
        [group for group in (shown[:cut], shown[cut:]) if group], rater={"id": f"r{rng.randrange(3)}"}
    )


def line_of(record: Record, name: str) -> list[Record] | None:
    """The messages before one, root first, by a walk of its own; None where the walk finds no root."""
    by_name = {each["message_id"]: each for each in record["messages"]}
    line: list[Record] = []
    current = by_name[name]["parent_id"]
    while current:
        if current not in by_name or len(line) > len(by_name):
            return None
        line.insert(0, by_name[current])
        current = by_name[current]["parent_id"]
    return line


def check_unit(record: Record, unit: Any) -> None:
    assert record["consent"] == "granted"
    by_name = {each["message_id"]: each for each in record["messages"]}
    answers = [unit["first"], *([unit["second"]] if unit["second"] else [])]
    assert len(answers) == len(unit["message_ids"]) == (2 if unit["kind"] == "pair" else 1)
    lines = [line_of(record, name) for name in unit["message_ids"]]
    for line in lines:
        assert line
        assert [(turn["role"], turn["content"]) for turn in unit["prompt"]] == [
            (each["role"], each["content"]) for each in line
        ]
    assert unit["prompt"][-1]["role"] in ("user", "tool")
    judged = [by_name[name] for name in unit["message_ids"]]
    for each in (*(lines[0] or ()), *judged):
        assert not each["orphan"]
        assert not each["attachments"]
        assert each["role"] != "unknown"
    for answer, message_ in zip(answers, judged, strict=True):
        assert answer["role"] == "assistant"
        assert answer["content"] == "better" or (answer["content"], message_["status"]) == (
            message_["content"],
            "complete",
        )
    assert len({answer["content"] for answer in answers}) == len(answers)
    assert unit["has_tools"] == any(turn["role"] == "tool" for turn in unit["prompt"])
    assert all(0 <= vote["score"] <= 1 for vote in unit["votes"])
    assert unit["votes"] or unit["corrected"]


def test_every_unit_of_random_chats_keeps_the_rules() -> None:
    rng = random.Random(23)
    records = [random_chat(rng, offset) for offset in range(2000)]
    counts = UnitCounts()
    found = units(*records, counts=counts)
    for unit in found:
        check_unit(records[unit["source_offset"]], unit)
    assert Counter(unit["kind"] for unit in found).keys() == {"answer", "pair"}
    keys = [(unit["source_offset"], unit["key"]) for unit in found]
    assert len(set(keys)) == len(keys)
    # Each judgement is a vote in some unit, or counted under a reason.
    votes = {(unit["source_offset"], vote["judgement"]) for unit in found for vote in unit["votes"]}
    assert len({vote for vote in votes if vote[1] is not None}) == counts.in_units
    assert counts.judgements == sum(len(each["feedback"]) + len(each["comparisons"]) for each in records)
    assert set(counts.unused) >= {"consent", "message_not_found", "incomplete_answer", "no_question"}


def test_every_row_of_random_chats_keeps_the_rules() -> None:
    rng = random.Random(29)
    found = rows(*(random_chat(rng, offset) for offset in range(1000)))
    for subset, made in found.items():
        contents = [(str(row["prompt"]), str(row.get("completion")), str(row.get("chosen")),
                     str(row.get("rejected"))) for row in made]  # fmt: skip
        assert len(set(contents)) == len(contents)  # two rows of one answer could contradict each other
        for row in made:
            assert 0.5 <= row["agreement"] <= 1
            assert 0 < row["vote_weight"] <= row["agreement"]
            assert row["votes"] == len(row["raters"])
            assert row["near_tie"] == (row["agreement"] < 0.6)
            assert row["origin"] == "rating" or not subset.startswith("kto")
    assert min(len(found[subset]) for subset in ("sft", "preference", "kto")) > 20


def _small_chat(choices: list[int], offset: int) -> Record:
    """One of few chats, so that many have the same answers; its judgements are drawn from few raters."""
    answers = [message(f"a{at}", parent_id="q", content=f"text {choices[at]}") for at in range(2)]
    feedback = []
    for at, choice in enumerate(choices[2:]):
        name, rater = f"a{choice % 2}", {"id": f"r{choice // 2 % 3}"}
        made = (
            like(name, choice % 3 > 0, rater=rater) if choice % 5 else correction(name, "better", rater=rater)
        )
        feedback.append({**made, "occurred_at": T0_MS * 1000 + choice % 4 + at})
    compared = [comparison([["a0"], ["a1"]], rater={"id": f"r{choices[0]}"})] if choices[1] % 2 else []
    return finished(
        message("q", "user"), *answers, feedback=feedback, comparisons=compared, offset=offset, user_id=None
    )


CHATS = st.lists(st.lists(st.integers(0, 29), min_size=2, max_size=6), min_size=1, max_size=5)


def _facts(found: dict[str, list[Record]]) -> dict[str, set[str]]:
    return {subset: {str(sorted(row.items())) for row in made} for subset, made in found.items()}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(CHATS, st.randoms(use_true_random=False))
def test_the_order_of_conversations_does_not_matter(drawn: list[list[int]], rng: random.Random) -> None:
    records = [_small_chat(choices, offset) for offset, choices in enumerate(drawn)]
    expected = _facts(rows(*records))
    rng.shuffle(records)
    assert _facts(rows(*records)) == expected


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(CHATS)
def test_units_of_many_conversations_are_those_of_each(drawn: list[list[int]]) -> None:
    records = [_small_chat(choices, offset) for offset, choices in enumerate(drawn)]
    assert units(*records) == [unit for record in records for unit in units(record)]
