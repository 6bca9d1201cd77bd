"""The interval of a share. Pure."""

from math import sqrt
from typing import Final

Z: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""


def wilson(share: float, count: float, z: float = Z) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927) with `count` effective observations.

    Args:
        z: the quantile of the normal distribution that the interval is made for.
    """
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # Of a share of 0 or 1, floating point may leave the end of the interval a little short of it.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
