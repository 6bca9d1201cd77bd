"""How votes become verdicts: weighted raters, adjudicators, and what the card says of their agreement."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import evalica
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from plaudit_consumers.datasets import weighing
from plaudit_consumers.datasets.manifest import MANIFEST, Manifest, read_manifest
from plaudit_consumers.rows.settings import RowRules
from plaudit_infra.main import main
from plaudit_schemas.commands import OK

from tests.consumers.live_root import Root, bytes_of, ranked, rows_of, thumb, turn

SKILLS = {"ana": 0.95, "ben": 0.95, "cleo": 0.55, "dan": 0.55, "eve": 0.5, "fay": 0.5, "gus": 0.45}
"""How often each rater is right: two experts among people who guess."""
_SETTLED = "adjudication-0123"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def simulate(root: Root, seed: int, things: int = 400) -> dict[str, bool]:
    """Answers that five of the raters judge each; answer -> whether it is good."""
    rng = random.Random(seed)
    truth = {f"answer {number}": rng.random() < 0.6 for number in range(things)}
    for number, (text, good) in enumerate(truth.items()):
        said = [
            thumb(
                "a", good if rng.random() < SKILLS[who] else not good, rater=who, event_id=f"{number}-{who}"
            )
            for who in rng.sample(sorted(SKILLS), 5)
        ]
        asked = turn("q", "user", content=f"question {number}")
        root.judged(f"c{number}", asked, turn("a", parent="q", content=text), feedback=said, minute=number)
    return truth


def built(root: Root, name: str, *options: str) -> Path:
    output = root.publish().folder.parent / name
    arguments = ["datasets", "build", "--root", str(root.folder), "--output", str(output)]
    assert main([*arguments, "--kto-threshold", "0.5", *options]) == OK
    return output


def accuracy(snapshot: Path, truth: dict[str, bool]) -> float:
    """The share of answers whose label is that of the truth."""
    rows = rows_of(snapshot, "kto")
    assert len(rows) == len(truth)
    return sum(_is_right(row, truth) for row in rows) / len(rows)


def _is_right(row: dict[str, Any], truth: dict[str, bool]) -> bool:
    return bool(row["label"] == truth[row["completion"][0]["content"]])


@pytest.mark.slow
def test_weighted_raters_are_right_more_often_than_their_majority(
    root: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = simulate(root, seed=17)
    majority = accuracy(built(root, "votes", "--resolve", "votes"), truth)
    snapshot = built(root, "weighted", "--resolve", "dawid-skene")
    weighted = accuracy(snapshot, truth)
    assert majority < 0.8
    assert weighted > 0.9
    (group,) = read_manifest(snapshot).resolution["votes"]
    assert (group["kind"], group["aspect"]) == ("answer", "satisfaction")
    assert (group["things"], group["votes"], group["raters"]) == (400, 2000, 7)
    model = group["dawid_skene"]
    assert model["converged"]
    assert model["skill"]["lowest"] == pytest.approx(min(SKILLS.values()), abs=0.08)
    assert model["skill"]["highest"] == pytest.approx(max(SKILLS.values()), abs=0.05)
    card = (snapshot / "README.md").read_text()
    assert "By Dawid and Skene's model" in card
    assert "EM converged after" in card
    capsys.readouterr()


@pytest.mark.slow
def test_a_posterior_says_how_likely_a_label_is(root: Root) -> None:
    """Of the rows whose agreement is near 0.9, nine in ten are right."""
    truth = simulate(root, seed=3, things=900)
    rows = rows_of(built(root, "weighted", "--resolve", "dawid-skene"), "kto")
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        some = [row for row in rows if low <= row["agreement"] < high]
        right = sum(_is_right(row, truth) for row in some) / len(some)
        assert right == pytest.approx(sum(row["agreement"] for row in some) / len(some), abs=0.1)
    least = rows_of(built(root, "sure", "--resolve", "dawid-skene", "--min-agreement", "0.9"), "kto")
    assert {row["conversation_id"] for row in least} == {
        row["conversation_id"] for row in rows if row["agreement"] >= 0.9
    }


@pytest.mark.slow
def test_the_same_votes_give_the_same_bytes_in_any_batches(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(root, seed=5, things=60)
    rules = RowRules(resolve="dawid-skene")
    one = root.built("one", rules=rules, threads=1)
    two = root.built("two", rules=rules, threads=2)
    assert bytes_of(one) == bytes_of(two)
    monkeypatch.setattr(weighing, "_BATCH_VOTES", 7)
    small = root.built("small", rules=rules)
    found = [
        {row["conversation_id"]: row["agreement"] for row in rows_of(each, "kto")} for each in (one, small)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


@pytest.mark.slow
def test_pairs_are_weighted_too(root: Root) -> None:
    rng = random.Random(1)
    for number in range(60):
        messages = (
            turn("q", "user", content=f"question {number}"),
            turn("a", parent="q", content=f"good {number}"),
            turn("b", parent="q", content=f"bad {number}"),
        )
        said = []
        for who, skill in {"ana": 1.0, "ben": 1.0, "x": 0.4, "y": 0.4, "z": 0.4}.items():
            order = ("a", "b") if rng.random() < skill else ("b", "a")
            said.append(ranked(*order, rater=who, event_id=f"{number}-{who}"))
        root.judged(f"c{number}", *messages, comparisons=said, minute=number)
    rows = rows_of(root.built("weighted", rules=RowRules(resolve="dawid-skene")), "preference")
    assert len(rows) == 60
    assert sum(row["chosen"][0]["content"].startswith("good") for row in rows) == 60
    majority = rows_of(root.built("votes"), "preference")
    assert sum(row["chosen"][0]["content"].startswith("good") for row in majority) < 55


def _judged(root: Root, number: int, *feedback: dict[str, Any]) -> None:
    messages = turn("q", "user", content=f"q {number}"), turn("a", parent="q", content=f"answer {number}")
    root.judged(f"c{number}", *messages, feedback=list(feedback), minute=number)


@pytest.mark.slow
def test_what_an_adjudicator_said_is_the_truth_and_votes_decide_elsewhere(root: Root) -> None:
    _judged(
        root, 0, thumb("a", True, rater="x"), thumb("a", True, rater="y"),
        thumb("a", False, rater="lea", item_id=_SETTLED),
    )  # fmt: skip
    _judged(root, 1, thumb("a", True, rater="x"), thumb("a", False, rater="lea", item_id="item-1"))
    _judged(root, 2, thumb("a", True, rater="x"), thumb("a", True, rater="y"), thumb("a", False, rater="z"))
    settled = built(root, "settled", "--resolve", "adjudicated", "--min-raters", "3")
    rows = {row["conversation_id"]: row for row in rows_of(settled, "kto")}
    assert {name: (row["label"], row["votes"], row["agreement"]) for name, row in rows.items()} == {
        "c0": (False, 3, 1.0),
        "c2": (True, 3, pytest.approx(2 / 3)),
    }
    assert sorted(rater["id"] for rater in rows["c0"]["raters"]) == ["lea", "x", "y"]
    (group,) = read_manifest(settled).resolution["votes"]
    assert group["settled"] == 1
    by_votes = {row["conversation_id"]: row["label"] for row in rows_of(built(root, "votes"), "kto")}
    assert by_votes == {"c0": True, "c2": True}


def test_a_user_settles_nothing(root: Root) -> None:
    forged = thumb("a", False, rater="u", item_id=_SETTLED)
    _judged(root, 0, thumb("a", True, rater="x"), thumb("a", True, rater="y"),
            {**forged, "rater": {"id": "u", "kind": "user", "version": None}})  # fmt: skip
    (row,) = rows_of(built(root, "settled", "--resolve", "adjudicated"), "kto")
    assert (row["label"], row["votes"]) == (True, 3)


def test_an_adjudicator_settles_a_pair(root: Root) -> None:
    messages = turn("q", "user"), turn("a", parent="q", content="A"), turn("b", parent="q", content="B")
    said = [
        ranked("a", "b", rater="x", event_id="1"),
        ranked("a", "b", rater="y", event_id="2"),
        ranked("b", "a", rater="lea", event_id="3", item_id=_SETTLED),
    ]
    root.judged("c", *messages, comparisons=said)
    (row,) = rows_of(root.built("settled", rules=RowRules(resolve="adjudicated")), "preference")
    assert (row["chosen"][0]["content"], row["votes"], row["agreement"]) == ("B", 3, 1.0)


@pytest.mark.parametrize("resolve", ["votes", "dawid-skene", "adjudicated"])
def test_alpha_in_the_card_is_that_of_the_votes(root: Root, resolve: str) -> None:
    """Computed apart, by evalica from the conversations in the snapshot."""
    simulate(root, seed=11, things=80)
    snapshot = built(root, "snapshot", "--resolve", resolve)
    said = {
        (row["conversation_id"], each["rater"]["id"]): float(each["thumb"])
        for row in rows_of(snapshot, "conversations")
        for each in row["feedback"]
    }
    table = pd.Series(said).unstack(level=0)
    expected = evalica.alpha(table, distance="interval", solver="naive").alpha
    (group,) = read_manifest(snapshot).resolution["votes"]
    assert group["alpha"]["value"] == pytest.approx(expected, abs=1e-6)
    assert group["alpha"]["low"] < expected < group["alpha"]["high"]
    shown = f"{group['alpha']['value']:.3f} ({group['alpha']['low']:.3f} to {group['alpha']['high']:.3f})"
    line = f"| answers | satisfaction | 80 | 80 | 400 | 7 | 0 | {shown} |"
    assert line in (snapshot / "README.md").read_text()


def test_show_says_how_far_raters_agree(root: Root, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(root, seed=2, things=20)
    snapshot = built(root, "snapshot")
    capsys.readouterr()
    assert main(["datasets", "show", str(snapshot)]) == OK
    assert "100 votes of 7 raters on 20 answers" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("thumbs", "alpha"),
    [
        pytest.param([[True], [False]], None, id="one rater"),
        pytest.param([[True, True], [True, True]], None, id="one label"),
        pytest.param([[True, True], [False, False]], 1.0, id="all equal"),
        pytest.param([], None, id="nothing"),
    ],
)
@pytest.mark.parametrize("resolve", ["votes", "dawid-skene"])
def test_edges_of_agreement(
    root: Root, thumbs: Sequence[Sequence[bool]], alpha: float | None, resolve: Any
) -> None:
    for number, each in enumerate(thumbs):
        _judged(root, number, *(thumb("a", like, rater=str(at)) for at, like in enumerate(each)))
    if not thumbs:
        _judged(root, 0)
    snapshot = root.built(rules=RowRules(resolve=resolve))
    found = read_manifest(snapshot).resolution["votes"]
    assert [group["alpha"]["value"] for group in found] == ([alpha] if thumbs else [])
    labels = [row["label"] for row in rows_of(snapshot, "kto")]
    assert sorted(labels) == sorted(each[0] for each in thumbs)


def test_a_vote_in_the_middle_takes_no_side(root: Root) -> None:
    middle: Any = {"kind": "number", "thumb": None, "number": 3.0, "minimum": 1.0, "maximum": 5.0}
    _judged(root, 0, thumb("a", None, rater="x", **middle))
    _judged(root, 1, thumb("a", None, rater="x", **middle), thumb("a", True, rater="y"))
    rows = rows_of(root.built(rules=RowRules(resolve="dawid-skene", min_agreement=0)), "kto")
    assert [(row["conversation_id"], row["label"], row["votes"]) for row in rows] == [("c1", True, 2)]


def test_where_nobody_takes_a_side_votes_stay_as_they_are(root: Root) -> None:
    middle: Any = {"kind": "number", "thumb": None, "number": 3.0, "minimum": 1.0, "maximum": 5.0}
    _judged(root, 0, thumb("a", None, rater="x", **middle))
    snapshot = root.built(rules=RowRules(resolve="dawid-skene", kto_good_score=0.5, kto_bad_score=0.5))
    (row,) = rows_of(snapshot, "kto")
    assert (row["label"], row["agreement"]) == (True, 1.0)
    (group,) = read_manifest(snapshot).resolution["votes"]
    assert group["dawid_skene"]["skill"] == {}


def test_a_manifest_of_an_earlier_version_says_nothing_of_it(root: Root) -> None:
    simulate(root, seed=2, things=3)
    snapshot = root.built()
    document = json.loads((snapshot / MANIFEST).read_text())
    del document["resolution"]
    (snapshot / MANIFEST).write_text(json.dumps(document))
    found: Manifest = read_manifest(snapshot)
    assert found.resolution == {}
