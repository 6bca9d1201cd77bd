"""What holds of every training row, whatever the conversation."""

import random
from typing import Any

from tests.consumers.builders import rows
from tests.support.finished import Record, comparison, correction, finished, like, message, number

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


def check(record: Record, subset: str, row: Any) -> None:
    assert record["consent"] == "granted"
    by_name = {each["message_id"]: each for each in record["messages"]}
    line = line_of(record, row["message_ids"][0])
    assert line
    assert row["prompt"] == [{"role": each["role"], "content": each["content"]} for each in line]
    assert row["prompt"][-1]["role"] in ("user", "tool")
    judged = [by_name[name] for name in row["message_ids"]]
    for each in (*line, *judged):
        assert not each["orphan"]
        assert not each["attachments"]
        assert each["role"] != "unknown"
    corrected = row["origin"] == "correction"
    answers = [turn for key in ("completion", "chosen", "rejected") if row.get(key) for turn in row[key]]
    assert {turn["role"] for turn in answers} == {"assistant"}
    expected = [each["content"] for each in judged]
    if corrected:
        expected[0] = "better"
    assert [turn["content"] for turn in answers] == expected
    for each in judged[1:] if corrected else judged:
        assert each["status"] == "complete"
    assert 0.5 <= row["agreement"] <= 1
    assert 0 < row["weight"] <= row["agreement"]
    assert row["margin"] is None if corrected else 0 <= row["margin"] <= 1
    if subset == "preference":
        assert row["chosen"] != row["rejected"]
    if subset == "kto":
        assert row["origin"] == "rating"


def test_every_row_of_random_chats_keeps_the_rules() -> None:
    rng = random.Random(23)
    records = [random_chat(rng, offset) for offset in range(3000)]
    found = rows(*records)
    for subset, made in found.items():
        for row in made:
            if subset != "sft_tools":
                check(records[row["source_offset"]], subset, row)
    assert min(len(found[subset]) for subset in ("sft", "preference", "kto")) > 50
    # Chats with a tool's turn give rows to their own subset only.
    with_tools = {row["source_offset"] for row in found["sft_tools"]}
    assert with_tools
    for at in with_tools:
        assert any(each["role"] == "tool" for each in records[at]["messages"])
