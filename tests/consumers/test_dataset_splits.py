"""Splits: no prompt and no user in two of them, and hardly a row lost for it."""

import random
from collections import Counter
from pathlib import Path

import pytest
from plaudit_consumers.datasets.manifest import Manifest, read_manifest
from plaudit_consumers.rows.schemas import Subset

from tests.consumers.live_root import Root, bytes_of, rows_of, talk, thumb
from tests.support.snapshot_checker import leaks, training_rows

USERS = 400
TRAINING: tuple[Subset, ...] = ("sft", "kto")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _ask(root: Root, number: int, *texts: str, user: str | None, like: bool = True) -> None:
    """A chat whose answers all are liked or disliked, each by a rater of the chat's own."""
    messages = talk(*texts)
    feedback = [
        thumb(each["message_id"], like, rater=f"r{number}")
        for each in messages
        if each["role"] == "assistant"
    ]
    root.judged(f"c{number}", *messages, feedback=feedback, user=user, minute=number / 100)


def _kept(manifest: Manifest, subset: Subset) -> int:
    return sum(manifest.rows[subset].values())


@pytest.mark.slow
def test_a_popular_first_question_with_different_answers_loses_hardly_a_row(root: Root) -> None:
    for number in range(USERS):
        texts = "hello", f"answer {number}", f"question {number}", f"reply {number}"
        _ask(root, number, *texts, user=f"u{number}")
    snapshot = root.built()
    manifest = read_manifest(snapshot)
    assert leaks(snapshot) == ([], [])
    splits = manifest.rows["conversations"]
    assert splits["train"] > 340
    for subset in TRAINING:
        # The first question's rows of the few users outside train are lost, and none of the second's.
        lost = manifest.left_out[subset]
        assert lost == {"prompt_of_another_split": USERS - splits["train"]}
        assert _kept(manifest, subset) == 2 * USERS - lost["prompt_of_another_split"] > 1.85 * USERS
    second = [row for _, _, row in training_rows(snapshot) if row["turns"] == 2]
    assert len(second) == len(TRAINING) * USERS


@pytest.mark.slow
def test_a_popular_first_question_with_the_same_answer_loses_none(root: Root) -> None:
    for number in range(USERS):
        texts = "hello", "hello, and welcome", f"question {number}", f"reply {number}"
        _ask(root, number, *texts, user=f"u{number}")
    snapshot = root.built()
    manifest = read_manifest(snapshot)
    assert leaks(snapshot) == ([], [])
    for subset in TRAINING:
        assert manifest.left_out[subset] == {}
        assert _kept(manifest, subset) == USERS + 1
        assert manifest.accounts["subsets"][subset]["kept"]["shared"] == 1
        assert manifest.accounts["subsets"][subset]["kept"]["across"] == 1
    (first,) = [row for row in rows_of(snapshot, "sft") if row["turns"] == 1]
    assert (first["user_count"], first["conversation_count"], first["votes"]) == (USERS, USERS, USERS)
    assert (first["user_id"], first["conversation_id"]) == (None, "c0")


@pytest.mark.slow
def test_shared_first_questions_are_spread_by_their_hash(root: Root) -> None:
    """Or every popular question would be in train, where most users are."""
    for number in range(600):
        _ask(root, number, f"question {number // 3}", "the same answer", user=f"u{number}")
    rows = read_manifest(root.built(shares=(60, 20, 20))).rows["sft"]
    assert sum(rows.values()) == 200
    assert rows["train"] in range(95, 145)
    assert min(rows["validation"], rows["test"]) > 20


@pytest.mark.slow
def test_a_shared_question_with_a_row_of_one_user_lives_where_most_users_are(root: Root) -> None:
    """The hash would put it elsewhere, and then the row of the one user would be lost."""
    for number in range(200):
        for at in range(3):
            _ask(root, 10 * number + at, f"question {number}", "common", user=f"u{number}-{at}")
        _ask(root, 10 * number + 3, f"question {number}", "rare", user=f"u{number}-0")
    snapshot = root.built(shares=(60, 20, 20))
    placed: dict[str, dict[str, str]] = {"train": {}, "validation": {}, "test": {}}
    for subset, split, row in training_rows(snapshot):
        if subset == "sft":
            placed[split].setdefault(row["prompt"][0]["content"], row["completion"][0]["content"])
    users = {
        row["conversation_id"]: split for split in placed for row in rows_of(snapshot, "conversations", split)
    }
    for number in range(200):
        splits = Counter(users[f"c{10 * number + at}"] for at in range(3))
        ((most, count),) = splits.most_common(1)
        if count > 1:
            assert f"question {number}" in placed[most]
    assert leaks(snapshot) == ([], [])


def test_a_later_question_that_several_users_share_lives_in_its_home(root: Root) -> None:
    for number in range(90):
        texts = f"greeting {number // 9}", "welcome", "and then?", "that is all"
        _ask(root, number, *texts, user=f"u{number}")
    snapshot = root.built(shares=(50, 25, 25))
    assert leaks(snapshot) == ([], [])
    later = [row for row in rows_of(snapshot, "sft") if row["turns"] == 2]
    assert [row["user_count"] for row in later] == [9] * 10
    assert read_manifest(snapshot).left_out["sft"] == {}


def test_users_of_other_applications_are_others(root: Root) -> None:
    for number in range(100):
        _ask(root, 2 * number, f"question {number}", "yes", user=f"u{number}")
        root.waiting["conversations"][-1]["application"] = "other"
        _ask(root, 2 * number + 1, f"question {number}", "no", user=f"u{number}")
    snapshot = root.built(shares=(1, 1, 1))
    assert leaks(snapshot) == ([], [])
    assert read_manifest(snapshot).left_out["sft"]["prompt_of_another_split"] > 20


@pytest.mark.parametrize(
    "seed",
    [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)],
    ids=["first crowd", "second crowd", "third crowd"],
)
def test_no_crowd_leaks(root: Root, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(400):
        texts = []
        for _ in range(rng.randint(1, 3)):
            texts += [f"question {rng.randrange(6)}", f"answer {rng.randrange(3)}"]
        user = f"u{rng.randrange(80)}" if rng.random() < 0.8 else None
        _ask(root, number, *texts, user=user, like=rng.random() < 0.7)
    snapshot = root.built(shares=(50, 25, 25))
    assert leaks(snapshot) == ([], [])
    manifest = read_manifest(snapshot)
    assert manifest.left_out["kto"]["prompt_of_another_split"] > 5
    assert manifest.accounts["subsets"]["kto"]["kept"]["shared"] > 20
    assert bytes_of(root.built("again", shares=(50, 25, 25), threads=1)) == bytes_of(snapshot)


def test_the_checker_sees_a_leak(root: Root) -> None:
    for number in range(40):
        _ask(root, number, f"question {number}", "yes", user=f"u{number % 20}")
    snapshot = root.built(shares=(1, 1, 0))
    (snapshot / "sft/train-00000.parquet").rename(snapshot / "sft/other-00000.parquet")
    found = leaks(snapshot)
    assert len(found.prompts) > 5
    assert len(found.users) > 5
