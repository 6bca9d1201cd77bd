"""Scores from what a graph gives."""

import math

import pytest
from plaudit_schemas.models.calibration import calibrated, logit, score_of, sigmoid
from plaudit_schemas.models.manifest import Calibration, OutputKind

PLAIN = Calibration()
TURNED = Calibration(slope=-2.0, intercept=1.0)


@pytest.mark.parametrize(
    ("output", "kind", "calibration", "expected"),
    [
        pytest.param(0.0, "reward", PLAIN, 0.5, id="reward"),
        pytest.param(2.0, "reward", TURNED, 1 / (1 + math.exp(3)), id="reward-calibrated"),
        pytest.param(0.3, "probability", PLAIN, 0.3, id="probability"),
        pytest.param(0.5, "probability", TURNED, 1 / (1 + math.exp(-1)), id="probability-calibrated"),
        pytest.param(1e6, "reward", PLAIN, 1.0, id="huge"),
        pytest.param(-1e6, "reward", PLAIN, 0.0, id="hugely-negative"),
    ],
)
def test_probabilities(output: float, kind: OutputKind, calibration: Calibration, expected: float) -> None:
    assert calibrated(output, kind, calibration) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("edge", [0.0, 1.0, 1.0005, -0.0005], ids=["zero", "one", "above-one", "below-zero"])
def test_a_probability_at_the_edge_is_one(edge: float) -> None:
    assert calibrated(edge, "probability", PLAIN) == pytest.approx(round(edge), abs=1e-6)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        pytest.param(math.nan, "reward", id="nan"),
        pytest.param(math.inf, "reward", id="infinite"),
        pytest.param(-math.inf, "reward", id="minus-infinite"),
        pytest.param(math.nan, "probability", id="nan-probability"),
        pytest.param(1.5, "probability", id="no-probability"),
        pytest.param(-0.1, "probability", id="negative-probability"),
    ],
)
def test_what_is_no_number_gives_none(output: float, kind: OutputKind) -> None:
    score = score_of(output, kind, PLAIN, tokens=3, cut=False)
    assert math.isnan(score.number)
    assert math.isnan(score.confidence)


def test_a_score_is_rounded_and_says_how_sure_it_is() -> None:
    score = score_of(-1.23456, "reward", PLAIN, tokens=7, cut=True)
    assert score.number == 0.225
    assert score.confidence == 0.775
    assert (score.reward, score.tokens, score.cut) == (-1.23456, 7, True)


def test_logit_and_sigmoid_undo_each_other() -> None:
    for probability in (0.001, 0.3, 0.5, 0.999):
        assert sigmoid(logit(probability)) == pytest.approx(probability)
