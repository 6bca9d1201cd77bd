"""The balance of KTO labels, and the weights that TRL suggests."""

import pytest
from plaudit_consumers.datasets.balance import LabelBalance


@pytest.mark.parametrize(
    ("good", "bad", "desirable", "undesirable"),
    [
        # From `KTOTrainer._prepare_dataset` of TRL 1.16, with both weights at 1; it rounds 0.001 to 0.
        pytest.param(900, 100, (0.11, 0.15), (6.77, 9.0), id="mostly good"),
        pytest.param(100, 900, (9.0, 11.97), (0.08, 0.11), id="mostly bad"),
        pytest.param(3000, 3, (0.001, 0.0013), (751.88, 1000.0), id="hardly any bad"),
        pytest.param(50, 50, (1.0, 1.33), (0.75, 1.0), id="balanced"),
    ],
)
def test_weights_are_those_that_trl_suggests(
    good: int, bad: int, desirable: tuple[float, float], undesirable: tuple[float, float]
) -> None:
    balance = LabelBalance(good, bad)
    assert balance.desirable_weight() == desirable
    assert balance.undesirable_weight() == undesirable


@pytest.mark.parametrize(
    ("balance", "said"),
    [
        pytest.param(LabelBalance(5, 5), "leave TRL's weights at 1", id="balanced"),
        pytest.param(LabelBalance(5, 0), "KTO needs both", id="good alone"),
        pytest.param(LabelBalance(0, 5), "KTO needs both", id="bad alone"),
        pytest.param(LabelBalance(2, 1), "`desirable_weight` from 0.5 to 0.67", id="twice as many good"),
    ],
)
def test_the_balance_is_put_into_words(balance: LabelBalance, said: str) -> None:
    assert said in balance.sentence()
