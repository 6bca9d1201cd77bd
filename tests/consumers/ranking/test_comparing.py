"""Two versions on the same judged answers."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plaudit_consumers.ranking.comparing import check_comparable, compare_versions, log_odds
from plaudit_consumers.ranking.documents import comparison_document, comparison_lines
from plaudit_consumers.ranking.errors import ComparisonError
from plaudit_consumers.ranking.judged_answers import JudgedAnswer, JudgedPair
from plaudit_consumers.ranking.paired import compare, verdict_of
from plaudit_consumers.ranking.resampling import Interval
from plaudit_consumers.training.evaluation import Outcomes
from plaudit_schemas.models.inputs import Turn
from plaudit_schemas.models.model import OnnxModel, open_model

from tests.support.tiny_models import write_model


def outcomes(noise: float, seed: int, rows: int = 400) -> Outcomes:
    """Judged answers in groups of two, and the margins of a model that sees the truth through noise."""
    truth = np.random.default_rng(7).normal(0, 1.5, rows)
    labels = (np.random.default_rng(8).random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    margins = truth + np.random.default_rng(seed).normal(0, noise, rows)
    return Outcomes(margins, labels, np.arange(rows) // 2)


def test_a_version_that_sees_better_is_better() -> None:
    found = compare(outcomes(3.0, 1), outcomes(0.1, 2))
    assert found.verdict == "better"
    assert compare(outcomes(0.1, 2), outcomes(3.0, 1)).verdict == "worse"
    difference = found.figures["auc"].difference
    assert difference.low is not None
    assert 0 < difference.low < difference.value
    assert found.rows == found.both_right + found.first_right + found.second_right + found.both_wrong == 400
    assert found.second_right > found.first_right
    assert found.groups == 200


def test_figures_are_those_of_their_definitions() -> None:
    first, second = outcomes(1.0, 1), outcomes(0.5, 2)
    found = compare(first, second)
    for place, one in enumerate((first, second)):
        likely = 1 / (1 + np.exp(-one.margins))
        good, bad = likely[one.labels == 1], likely[one.labels == 0]
        auc = np.mean(good[:, None] > bad[None, :])
        loss = -np.mean(np.log(np.where(one.labels == 1, likely, 1 - likely)))
        assert found.figures["auc"][place].value == pytest.approx(auc)
        assert found.figures["log_loss"][place].value == pytest.approx(loss)
        assert found.figures["accuracy"][place].value == pytest.approx(np.mean((likely > 0.5) == one.labels))


def test_the_same_version_shows_no_difference() -> None:
    one = outcomes(1.0, 1)
    found = compare(one, one)
    assert found.figures["log_loss"].difference == Interval(0.0, 0.0, 0.0)
    assert found.verdict == "no difference shown"
    assert compare(one, one) == found


def test_few_rows_give_no_interval_and_no_verdict() -> None:
    one = Outcomes(np.array([1.0]), np.array([1.0]), np.array([0]))
    other = Outcomes(np.array([-1.0]), np.array([1.0]), np.array([0]))
    found = compare(one, other)
    assert found.figures["accuracy"].difference == Interval(-1.0)
    assert math.isnan(found.figures["auc"].difference.value)
    assert found.verdict == "no difference shown"
    assert verdict_of(Interval(0.1, 0.05, 0.2)) == "worse"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, OnnxModel]]:
    folder = tmp_path_factory.mktemp("models")
    made: dict[str, dict[str, Any]] = {
        "good": {"version": "2"},
        "bad": {"weights": {"thanks": -2.0, "please": -1.0, "rude": 3.0, "long": 0.5}},
        "tone": {"aspect": "tone"},
        "talker": {"input": "history", "version": "3"},
    }
    opened = {}
    for name, fields in made.items():
        write_model(folder / name, **fields)
        opened[name] = open_model(folder / name)
    yield opened
    for model in opened.values():
        model.close()


def said(text: str, liked: bool, group: int) -> JudgedAnswer:
    return JudgedAnswer(str(group).encode(), (Turn("user", "q"), Turn("assistant", text)), liked)


JUDGED = [said("thanks" if at % 3 else "rude", bool(at % 3), at) for at in range(40)]


@pytest.mark.slow
def test_versions_score_the_same_answers(models: dict[str, OnnxModel]) -> None:
    compared = compare_versions(models["bad"], models["good"], JUDGED)
    assert compared.pairs is None
    assert compared.answers is not None
    assert (compared.answers.verdict, compared.answers.second_right) == ("better", 40)
    manifests = (models["bad"].manifest, models["good"].manifest)
    lines = "\n".join(comparison_lines(manifests, compared))
    assert "40 judged answers in 40 groups, 26 of them liked" in lines
    assert "polite@2 is better" in lines
    document = json.loads(json.dumps(comparison_document(manifests, compared)))
    assert document["answers"]["figures"]["accuracy"]["second"]["value"] == 1.0


def test_pairs_are_compared_apart(models: dict[str, OnnxModel]) -> None:
    asked = (Turn("user", "q"),)
    pair = JudgedPair(b"1", (*asked, Turn("assistant", "thanks")), (*asked, Turn("assistant", "rude")))
    compared = compare_versions(models["good"], models["bad"], [pair, *JUDGED])
    assert compared.pairs is not None
    assert (compared.pairs.rows, compared.pairs.first_right) == (1, 1)
    assert compared.answers is not None
    assert compared.answers.first_right == 40
    lines = comparison_lines((models["good"].manifest, models["bad"].manifest), compared)
    assert "1 judged pairs in 1 groups; intervals of 95 %" in lines
    assert "fewer than 20 groups: the intervals are too narrow" in lines


def test_other_inputs_may_be_compared(models: dict[str, OnnxModel]) -> None:
    compared = compare_versions(models["good"], models["talker"], JUDGED)
    assert compared.answers is not None
    assert compared.answers.rows == 40


def test_what_cannot_be_compared_is_refused(models: dict[str, OnnxModel]) -> None:
    with pytest.raises(ComparisonError, match="polite@2 judges satisfaction and polite@1 tone"):
        check_comparable(models["good"].manifest, models["tone"].manifest)
    with pytest.raises(ComparisonError, match="nothing was judged that both versions can score"):
        compare_versions(models["good"], models["bad"], [])


def test_log_odds_follow_the_calibration(tmp_path: Path) -> None:
    manifest = write_model(tmp_path / "m", calibration={"slope": 2.0, "intercept": 0.5})
    assert log_odds(1.0, manifest) == 2.5
    assert math.isnan(log_odds(math.nan, manifest))
    assert log_odds(0.5, manifest.model_copy(update={"output": "probability"})) == pytest.approx(0.5)
