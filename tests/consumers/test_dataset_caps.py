"""Caps: at most so many rows of one prompt, user or model, in each training subset."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.plan import Caps, SnapshotPlan

from tests.consumers.live_root import Root, rows_of, thumb, turn


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Twelve chats: four of each of three users, six with each of two questions, three of each model."""
    root = Root(tmp_path / "live")
    for number in range(12):
        question = turn("q", "user", content=f"question {number % 2}")
        answer = turn("a", parent="q", content=f"answer {number}")
        answer["model"] = {"id": f"m{number % 4}", "version": str(number), "metadata": []}
        feedback = [thumb("a", True)]
        root.judged(f"c{number}", question, answer, feedback=feedback, user=f"u{number % 3}", minute=number)
    return root.publish()


def _built(root: Root, **caps: int) -> Path:
    output = root.folder.parent / "snapshot"
    build_snapshot(str(root.folder), SnapshotPlan(output=output, shares=(1, 0, 0), caps=Caps(**caps)))
    return output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("caps", "kept"),
    [
        pytest.param({"user": 2}, [0, 1, 2, 3, 4, 5], id="two of a user"),
        pytest.param({"prompt": 1}, [0, 1], id="one of a prompt"),
        pytest.param({"model": 2}, [0, 1, 2, 3, 4, 5, 6, 7], id="two of a model"),
        pytest.param({"prompt": 3, "user": 1}, [0, 1, 2], id="prompts before users"),
        pytest.param({"user": 9}, list(range(12)), id="more than there are"),
    ],
)
def test_the_earliest_rows_stay(root: Root, caps: dict[str, int], kept: list[int]) -> None:
    snapshot = _built(root, **caps)
    manifest = read_manifest(snapshot)
    for subset in ("sft", "kto"):
        rows: Any = rows_of(snapshot, subset)
        assert [row["conversation_id"] for row in rows] == [f"c{number}" for number in kept]
        assert sum(manifest.left_out[subset].values()) == 12 - len(kept)
    assert {reason.removeprefix("over_max_per_") for reason in manifest.left_out["sft"]} <= set(caps)
    assert manifest.caps == caps
    assert manifest.rows["conversations"] == {"train": 12}


def test_a_row_of_several_users_is_under_no_users_cap(root: Root) -> None:
    for number in range(4):
        root.sft(f"d{number}", "a common question", "and its answer", user=f"u{number % 2}", minute=-1)
    snapshot = _built(root.publish(), user=1)
    users = Counter(row["user_id"] for row in rows_of(snapshot, "sft"))
    assert users == {None: 1, "u0": 1, "u1": 1, "u2": 1}
