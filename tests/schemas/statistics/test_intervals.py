"""Intervals of shares, against known values."""

import pytest
from plaudit_schemas.statistics.intervals import wilson


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
        (0.5, 100, 0.4038, 0.5962),
        (0.611, 2303, 0.5909, 0.6307),
    ],
    ids=["none_right", "all_right", "half_right", "hh_rlhf"],
)
def test_wilsons_interval(share: float, count: float, low: float, high: float) -> None:
    assert list(wilson(share, count)) == pytest.approx([low, high], abs=2e-4)


def test_a_share_lies_in_its_interval_to_the_last_digit() -> None:
    for count in range(1, 2000):
        for share in (0.0, 1.0):
            low, high = wilson(share, count)
            assert low <= share <= high
