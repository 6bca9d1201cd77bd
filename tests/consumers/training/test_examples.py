"""What of a snapshot's rows a scorer learns from."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.training.examples import (
    HELD_OUT_SPLIT,
    LEARNING_SPLITS,
    MOST_VOTES,
    Examples,
    JudgedSubset,
    TrainedInput,
    read_examples,
)
from plaudit_schemas.models.inputs import Turn, exchange_text

from tests.consumers.live_root import Root, ranked, thumb, turn

ALL = (*LEARNING_SPLITS, HELD_OUT_SPLIT)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def read(
    snapshot: Path, subset: JudgedSubset = "kto", kind: TrainedInput = "exchange", **more: Any
) -> Examples:
    return read_examples(snapshot, read_manifest(snapshot), subset, more.pop("splits", ALL), kind, **more)


def _asked(root: Root, name: str, question: str, answer: str, *, like: bool = True, **more: Any) -> None:
    messages = turn("q", "user", content=question), turn("a", parent="q", content=answer)
    feedback = [thumb("a", like, rater=f"r-{name}", **more.pop("vote", {}))]
    root.judged(name, *messages, user=f"u-{name}", feedback=feedback, **more)


def test_the_model_is_given_what_the_scorer_gives_it(root: Root) -> None:
    messages = (
        turn("q1", "user", content="first?"),
        turn("a1", parent="q1", content="one"),
        turn("q2", "user", "a1", content="second?"),
        turn("a2", parent="q2", content="two"),
    )
    root.judged("c", *messages, feedback=[thumb("a2", True)])
    snapshot = root.built()
    turns = [
        Turn("user", "first?"),
        Turn("assistant", "one"),
        Turn("user", "second?"),
        Turn("assistant", "two"),
    ]
    [given] = read(snapshot).inputs
    assert given == (exchange_text(turns), len("two"))
    assert read(snapshot, kind="answer").inputs == (("two", 3),)


def test_a_row_counts_as_often_as_people_voted_up_to_a_limit(root: Root) -> None:
    for number in range(30):
        _asked(root, f"many{number}", "popular?", "yes", like=number >= 3)
    _asked(root, "one", "rare?", "no", vote={"confidence": 0.5})
    examples = read(root.built())
    weights = {text.text: weight for text, weight in zip(examples.inputs, examples.weights, strict=True)}
    many, one = weights["popular?\n\nyes"], weights["rare?\n\nno"]
    assert many / one == pytest.approx(MOST_VOTES * 0.9 / 0.5)
    assert many + one == pytest.approx(2)


def test_rows_of_one_first_question_are_a_group(root: Root) -> None:
    _asked(root, "c1", "hello", "a")
    _asked(root, "c2", "hello", "b")
    _asked(root, "c3", "hullo", "c")
    deeper = (
        turn("q", "user", content="hello"),
        turn("a", parent="q", content="hi"),
        turn("r", "user", "a", content="more?"),
        turn("b", parent="r", content="d"),
    )
    root.judged("c4", *deeper, user="u4", feedback=[thumb("b", True)])
    examples = read(root.built(shares=(100, 0, 0)), kind="answer")
    groups = {
        examples.inputs[place].text: group
        for place, group in zip(examples.first, examples.groups, strict=True)
    }
    assert groups["a"] == groups["b"] == groups["d"] != groups["c"]
    assert examples.rows_with_questions_of(examples) == len(examples)


@pytest.mark.slow
def test_rows_with_a_first_question_of_other_rows_are_counted(root: Root) -> None:
    """A snapshot keeps a whole prompt to one split, but not what chats begin with."""
    for number in range(40):
        messages = (
            turn("q", "user", content="hello"),
            turn("a", parent="q", content="hi"),
            turn("r", "user", "a", content=f"more {number}?"),
            turn("b", parent="r", content=f"text {number}"),
        )
        root.judged(f"c{number}", *messages, user=f"u{number}", feedback=[thumb("b", True)])
    snapshot = root.built(shares=(50, 0, 50))
    known, unseen = (read(snapshot, splits=splits) for splits in (LEARNING_SPLITS, (HELD_OUT_SPLIT,)))
    assert unseen.rows_with_questions_of(known) == len(unseen) > 5
    _asked(root, "other", "something else", "yes")
    assert read(root.built("alone", shares=(0, 0, 100)), splits=LEARNING_SPLITS).questions == ()
    assert unseen.only(unseen.labels & False).rows_with_questions_of(known) == 0


def test_pairs_that_read_the_same_teach_nothing(root: Root) -> None:
    """The answers differ in what only a whole history shows."""
    call = {"id": "t", "name": "look", "arguments": "{}"}
    for number, calls in enumerate(([call], [])):
        messages = (
            turn("q", "user", content=f"q{number}"),
            turn("a", parent="q", content="same" if calls else "x", tool_calls=calls),
            turn("b", parent="q", content="same" if calls else "y"),
        )
        root.judged(f"c{number}", *messages, user=f"u{number}", comparisons=[ranked("a", "b")])
    snapshot = root.built()
    assert len(read(snapshot, "preference")) == 1
    tools = read(snapshot, "preference_tools")
    assert (len(tools), dict(tools.left_out)) == (0, {"same_text": 1})


def test_answers_without_text_are_left_out_and_counted(root: Root) -> None:
    _asked(root, "c1", "q", "")
    _asked(root, "c2", "q2", "text")
    examples = read(root.built())
    assert ([text.text for text in examples.inputs], dict(examples.left_out)) == (
        ["q2\n\ntext"],
        {"empty_answer": 1},
    )


def test_rows_of_one_aspect(root: Root) -> None:
    _asked(root, "c1", "q1", "a1", vote={"aspect": "accuracy"})
    _asked(root, "c2", "q2", "a2")
    snapshot = root.built()
    assert read(snapshot).aspects == {"accuracy": 1, "satisfaction": 1}
    chosen = read(snapshot, aspect="accuracy")
    assert ([text.text for text in chosen.inputs], dict(chosen.left_out)) == (
        ["q1\n\na1"],
        {"other_aspect": 1},
    )


def test_splits_are_kept_apart(root: Root) -> None:
    for number in range(60):
        _asked(root, f"c{number}", f"q{number}", f"a{number}")
    snapshot = root.built(shares=(60, 10, 30))
    rows = read_manifest(snapshot).rows["kto"]
    known, unseen = (read(snapshot, splits=splits) for splits in (LEARNING_SPLITS, (HELD_OUT_SPLIT,)))
    assert (len(known), len(unseen)) == (rows["train"] + rows.get("validation", 0), rows["test"])
    assert not {text.text for text in known.inputs} & {text.text for text in unseen.inputs}


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_snapshot_is_refused(root: Root, damage: str) -> None:
    _asked(root, "c1", "q1", "a1")
    snapshot = root.built()
    [path] = (snapshot / "kto").glob("*.parquet")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SnapshotError, match=r"is missing|was changed"):
        read(snapshot)


def test_a_file_that_its_manifest_calls_right_and_is_none(root: Root) -> None:
    _asked(root, "c1", "q1", "a1")
    snapshot = root.built()
    [path] = (snapshot / "kto").glob("*.parquet")
    path.write_bytes(b"no Parquet")
    manifest = json.loads((snapshot / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"].startswith("kto/"):
            file["sha256"] = "dc5de5ba48eb29dce5dab3a7de1f0f9bb5ef3b2e4d1e96b1a6b8ae0b5fa7eb72"
    (snapshot / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SnapshotError):
        read(snapshot)
