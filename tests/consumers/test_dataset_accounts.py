"""The figures of a snapshot add up to what came in: every judgement, every unit, every vote, every row."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.manifest import Manifest, read_manifest
from plaudit_consumers.datasets.plan import Caps, SnapshotPlan
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING
from plaudit_consumers.rows.settings import RowRules

from tests.consumers.live_root import Root, ranked, rows_of, thumb, turn

TOOLS = '[{"type": "function", "function": {"name": "clock"}}]'
TWINS = {
    "answer": (("sft", "sft_tools"), ("kto", "kto_tools")),
    "pair": (("preference", "preference_tools"),),
}


def _crowd(root: Root, seed: int = 0, conversations: int = 300) -> int:
    """Chats of all sorts.

    Returns:
        The number of their judgements.
    """
    rng, judgements = random.Random(seed), 0
    for number in range(conversations):
        messages = [
            turn("q", "user", content=f"question {rng.randrange(60)}"),
            *(turn(name, parent="q", content=f"answer {rng.randrange(4)}") for name in "ab"),
        ]
        if rng.random() < 0.1:
            messages[1]["status"] = "cut_off"
        feedback = [
            thumb(
                rng.choice(["a", "b", "q", "nowhere", None]), rng.random() < 0.6, rater=f"r{rng.randrange(9)}"
            )
            for _ in range(rng.randrange(4))
        ]
        if rng.random() < 0.2:
            text = {"kind": "correction", "thumb": None, "correction": f"answer {rng.randrange(4)}"}
            feedback.append(thumb("a", None) | text)
        comparisons = (
            [ranked(*rng.sample("ab", 2), rater=f"r{rng.randrange(9)}")] if rng.random() < 0.4 else []
        )
        root.judged(
            f"c{number}",
            *messages,
            feedback=feedback,
            comparisons=comparisons,
            minute=number,
            user=f"u{rng.randrange(90)}" if rng.random() < 0.9 else None,
            consent=rng.choice(["granted"] * 8 + ["denied", "unspecified"]),
            excluded=rng.random() < 0.05,
            tools=TOOLS if rng.random() < 0.2 else None,
        )
        judgements += len(feedback) + len(comparisons)
    root.publish()
    return judgements


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _built(root: Root, **options: Any) -> Manifest:
    return read_manifest(root.built(**options))


def _check_sums(manifest: Manifest) -> None:
    accounts = manifest.accounts
    assert sum(accounts["judgements_by_fate"].values()) == accounts["judgements"]
    for kind, judged in accounts["judged"].items():
        for twins in TWINS[kind]:
            if set(twins) <= manifest.rows.keys():
                counts = [count for subset in twins for count in accounts["subsets"][subset].values()]
                for name, total in (("rows", "things"), ("units", "units"), ("votes", "votes")):
                    assert sum(count[name] for count in counts) == judged[total], (twins, name)
    for subset, fates in accounts["subsets"].items():
        kept = fates.get("kept", {"rows": 0})["rows"]
        assert kept == sum(manifest.rows[subset].values())
        left_out = {fate: count["rows"] for fate, count in fates.items() if fate != "kept"}
        assert left_out == manifest.left_out[subset]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"shares": (50, 25, 25)}, marks=pytest.mark.slow, id="equal shares"),
        pytest.param({"caps": Caps(prompt=2, user=3, model=40)}, id="caps"),
        pytest.param(
            {"rules": RowRules(min_raters=2, min_agreement=0.7)}, marks=pytest.mark.slow, id="strict rules"
        ),
        pytest.param(
            {"rules": RowRules(unrated_sft=True, training_consent="opt_out")},
            marks=pytest.mark.slow,
            id="unrated",
        ),
        pytest.param({"rules": RowRules(training_raters="user")}, marks=pytest.mark.slow, id="nobody counts"),
        pytest.param(
            {"where": "votes > 1", "subsets": TRAINING, "shares": (2, 1, 1)}, id="a condition and few subsets"
        ),
        pytest.param({"subsets": ("kto", "kto_tools")}, id="one trainer"),
    ],
)
def test_the_figures_add_up_to_what_came_in(root: Root, options: dict[str, Any]) -> None:
    given = _crowd(root)
    manifest = _built(root, **options)
    assert manifest.accounts["judgements"] == given
    _check_sums(manifest)


@pytest.mark.slow
def test_every_row_is_a_sum_of_votes(root: Root) -> None:
    _crowd(root)
    manifest = _built(root, shares=(50, 25, 25))
    rows = rows_of(root.folder.parent / "snapshot", "preference")
    counts = manifest.accounts["subsets"]["preference"]
    assert sum(row["conversation_count"] for row in rows) == counts["kept"]["units"]
    assert sum(row["votes"] for row in rows) <= counts["kept"]["votes"]
    assert sum(row["user_count"] > 1 for row in rows) == counts["kept"]["shared"] > 0
    assert counts["prompt_of_another_split"]["rows"] > 0
    assert counts["tie"]["rows"] > 0


def test_each_reason_is_named(root: Root) -> None:
    """One chat for each way in which a judgement makes no row."""
    root.sft("good", "one", "yes")
    root.sft("denied", "two", "yes", consent="denied")
    root.sft("unasked", "three", "yes", consent="unspecified")
    root.sft("out", "four", "yes", excluded=True)
    root.judged("whole", turn("q", "user"), turn("a", parent="q"), feedback=[thumb(None, True)])
    root.judged("lost", turn("q", "user"), turn("a", parent="q"), feedback=[thumb("nowhere", True)])
    root.judged("question", turn("q", "user"), turn("a", parent="q"), feedback=[thumb("q", True)])
    root.publish()
    assert _built(root).accounts["judgements_by_fate"] == {
        "in_rows": 1,
        "consent": 2,
        "excluded": 1,
        "message_not_found": 1,
        "not_an_answer": 1,
        "whole_conversation": 1,
    }


@pytest.mark.slow
def test_the_card_has_the_figures(root: Root) -> None:
    given = _crowd(root)
    manifest = _built(root, caps=Caps(prompt=3))
    card = (root.folder.parent / "snapshot/README.md").read_text()
    assert f"in the chosen conversations: {given}." in card
    kept = manifest.accounts["subsets"]["kto"]["kept"]
    assert f"| `kto` | kept | {kept['rows']} | {kept['units']} | {kept['votes']} |" in card
    assert "Most rows: 3 of one prompt." in card
    labels = manifest.labels["kto"]["train"]
    assert f"Labels in train: {labels['true']} true, {labels['false']} false." in card
    assert sum(labels.values()) == manifest.rows["kto"]["train"]


def test_a_snapshot_without_training_rows_has_no_accounts(root: Root) -> None:
    _crowd(root, conversations=10)
    manifest = _built(root, subsets=("conversations",))
    assert manifest.accounts["subsets"] == {}
    assert "what became of it" not in (root.folder.parent / "snapshot/README.md").read_text()


def test_the_card_tells_only_of_what_was_built(root: Root) -> None:
    _crowd(root, conversations=60)
    _built(root, subsets=("sft",))
    card = (root.folder.parent / "snapshot" / "README.md").read_text()
    assert "Judged answers" in card
    assert "Judged pairs" not in card
    assert "`kto`" not in card


def test_what_is_counted_in_each_conversation_is_no_number_of_conversations(root: Root) -> None:
    """One chat has two judged answers, and one rater who changed his mind in another chat."""
    messages = turn("q", "user"), turn("a", parent="q"), turn("b", parent="q")
    root.judged("c1", *messages, feedback=[thumb("a", True), thumb("b", True)], minute=1)
    root.judged("c2", *messages, feedback=[thumb("a", False)], minute=2)
    root.publish()
    _built(root, subsets=("kto",))
    card = (root.folder.parent / "snapshot" / "README.md").read_text()
    assert "Judged answers: 2 different ones. Counted anew in each conversation they are 3," in card
    assert "1 of the votes did not count" in card
    assert "0 of the votes" not in card


@pytest.mark.slow
def test_the_card_lists_every_column_once(root: Root) -> None:
    _crowd(root, conversations=60)
    manifest = _built(root)
    card = (root.folder.parent / "snapshot" / "README.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| `", card, re.MULTILINE)
    built = [SCHEMAS[subset].names for subset, rows in manifest.rows.items() if rows]
    assert set(listed) == {name for names in built for name in names}
    assert (listed.count("vote_weight"), listed.count("near_tie"), listed.count("label")) == (1, 1, 2)
    only = root.folder.parent / "only"
    build_snapshot(str(root.folder), SnapshotPlan(output=only, subsets=("conversations",)))
    assert "vote_weight" not in (only / "README.md").read_text()
