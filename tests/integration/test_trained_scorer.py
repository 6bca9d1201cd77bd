"""Real judged answers, from file to snapshot to a scorer that is better than chance, and than the length."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.models.inputs import Turn
from plaudit_schemas.models.model import open_model

from harness.environ import environ_with
from tests.support.line import Line
from tests.support.services import shared_data
from tests.support.sinks import Sinks
from tests.support.snapshot_reader import splits_of

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(1500)]


def plaudit(one: Line, *words: object, code: int | None = 0) -> str:
    """Run a command on the line's servers, in its folder, and return its output. `code` None: any will do."""
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", *map(str, words)],
        env=environ_with(bootstrap_servers=one.kafka, topic_prefix=one.connection.topic_prefix),
        cwd=one.folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout


def held_out_accuracy(snapshot: Path, folder: Path) -> float:
    """The share of held-out pairs that the model's folder gets right, read from the rows apart."""
    model = open_model(folder)
    wins = []
    for split, row in splits_of(snapshot, "preference"):
        prompt = [Turn(message["role"], message["content"]) for message in row["prompt"]]
        answers = [row[name][0]["content"] for name in ("chosen", "rejected")]
        if split == "test" and all(answers):
            texts = [model.input_of([*prompt, Turn("assistant", answer)]) for answer in answers]
            better, worse = model.score(texts)
            wins.append(better.reward > worse.reward)
    model.close()
    return sum(wins) / len(wins)


def test_scorers_learn_from_the_public_sets(
    line: Callable[..., Line], sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out, snapshot = line(), tmp_path / "out", tmp_path / "snapshot"
    files = {"hh-rlhf": "hh_rlhf/harmless-base-test.jsonl.gz", "topical-chat": "topical_chat/test_freq.json"}
    for name, file in files.items():
        words = ("--format", name, "--application", name, "--consent", "granted", "--time", "original")
        plaudit(one, "replay", shared_data(file), *words)
    one.start_worker()
    one.wait_folded()
    sinks(one).once()
    plaudit(one, "datasets", "build", "--root", out, "--output", snapshot, "--split", "70/5/25")
    train = ("train", "scorer", "--snapshot", snapshot, "--json")

    pairs = json.loads(plaudit(one, *train, "--subset", "preference", "--output", tmp_path / "pairs"))
    accuracy, length = pairs["figures"]["accuracy"], pairs["baselines"]["length"]["accuracy"]
    assert accuracy["low"] > 0.5
    assert accuracy["low"] > pairs["baselines"]["longer_answer"]["accuracy"]["value"]
    assert accuracy["low"] > length["value"]
    assert held_out_accuracy(snapshot, tmp_path / "pairs") == pytest.approx(accuracy["value"], abs=0.003)

    # 99 of 100 of these labels are likes: being right of 99 is nothing, and it says so.
    labels = json.loads(plaudit(one, *train, "--subset", "kto", "--output", tmp_path / "labels", code=1))
    right, most = labels["figures"]["accuracy"]["value"], labels["baselines"]["majority"]["accuracy"]["value"]
    assert right == pytest.approx(most, abs=0.01)
    assert right > 0.97
    assert (labels["judged_by"], labels["better_than_chance"]) == ("auc", False)

    # By luck an interval of 95 % lies above chance once in forty times; one 2.5 times as wide hardly ever.
    lucky = 0
    for seed in range(3):
        shuffled = (*train, "--subset", "preference", "--shuffle-labels", "--seed", seed)
        found: dict[str, Any] = json.loads(
            plaudit(one, *shuffled, "--output", tmp_path / f"{seed}", code=None)
        )
        lucky += found["better_than_chance"]
        figure = found["figures"]["accuracy"]
        assert figure["value"] - 2.5 * (figure["value"] - figure["low"]) < 0.5
        assert plaudit(one, "models", "check", tmp_path / f"{seed}")
    assert lucky <= 1
