"""How many good and bad answers a KTO subset has, and the weights that TRL suggests for them. Pure."""

from typing import Final, NamedTuple

_WIDEST: Final = 1.33
"""The KTO paper (arXiv 2402.01306, equation 8): the weighted ratio of good to bad lies between 1 and 4/3."""
_SMALL: Final = 0.05


class WeightBounds(NamedTuple):
    """The range of one weight, while the other one is 1."""

    lowest: float
    highest: float


class LabelBalance(NamedTuple):
    """The labels of the rows that a trainer trains on."""

    good: int
    bad: int

    def desirable_weight(self) -> WeightBounds | None:
        """The range of `desirable_weight` in TRL's KTOConfig; None unless both labels are there."""
        if not self.good or not self.bad:
            return None
        ratio = self.bad / self.good
        return WeightBounds(_rounded(ratio), _rounded(ratio * _WIDEST))

    def undesirable_weight(self) -> WeightBounds | None:
        """The range of `undesirable_weight` in TRL's KTOConfig; None unless both labels are there."""
        if not self.good or not self.bad:
            return None
        ratio = self.good / self.bad
        return WeightBounds(_rounded(ratio / _WIDEST), _rounded(ratio))

    def sentence(self) -> str:
        """The balance in words, with the weights that TRL suggests."""
        counts = f"Labels in train: {self.good} true, {self.bad} false."
        desirable, undesirable = self.desirable_weight(), self.undesirable_weight()
        if desirable is None or undesirable is None:
            return f"{counts} KTO needs both."
        if self.good == self.bad:
            return f"{counts} They are balanced: leave TRL's weights at 1."
        return (
            f"{counts} TRL suggests `desirable_weight` from {desirable.lowest:g} to {desirable.highest:g}, "
            f"or `undesirable_weight` from {undesirable.lowest:g} to {undesirable.highest:g}, but not both."
        )


def _rounded(weight: float) -> float:
    # Two digits as in TRL would make a small weight 0, which takes the labels away.
    return round(weight, 2) if weight >= _SMALL else float(f"{weight:.2g}")
