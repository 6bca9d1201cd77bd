"""Matthews' correlation, beside its form as a correlation of indicators."""

import numpy as np
import pytest
from plaudit_schemas.statistics.correlation import matthews


def _of_indicators(confusion: list[list[int]]) -> float:
    """Gorodkin's form: covariances of the indicators of labels, summed over labels."""
    pairs = [(i, j) for i, row in enumerate(confusion) for j, n in enumerate(row) for _ in range(n)]
    one, other = (np.eye(len(confusion))[list(side)] for side in zip(*pairs, strict=True))

    def shared(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a - a.mean(axis=0)) * (b - b.mean(axis=0))).sum())

    return shared(one, other) / float(np.sqrt(shared(one, one) * shared(other, other)))


@pytest.mark.parametrize(
    "confusion",
    [
        pytest.param([[30, 4], [6, 40]], id="two labels"),
        pytest.param([[1, 9], [8, 2]], id="mostly wrong"),
        pytest.param([[5, 1, 0], [2, 7, 3], [0, 1, 4]], id="three labels"),
    ],
)
def test_it_is_the_correlation_of_indicators(confusion: list[list[int]]) -> None:
    assert matthews(confusion) == pytest.approx(_of_indicators(confusion), abs=1e-12)


@pytest.mark.parametrize(
    "confusion",
    [
        pytest.param([[0, 0], [0, 0]], id="nothing"),
        pytest.param([[5, 2], [0, 0]], id="one row"),
        pytest.param([[5, 0], [3, 0]], id="one column"),
    ],
)
def test_without_two_labels_on_both_sides_there_is_none(confusion: list[list[int]]) -> None:
    assert matthews(confusion) is None
