"""Matthews' correlation of two judges from their confusion matrix. Pure."""

from collections.abc import Sequence
from math import sqrt


def matthews(confusion: Sequence[Sequence[int]]) -> float | None:
    """The correlation coefficient (Matthews 1975; for several labels Gorodkin 2004), from -1 to 1.

    Args:
        confusion: rows by what one judge said, columns by what the other said of the same things.

    Returns:
        None where one of them said the same of everything.
    """
    rows = [sum(row) for row in confusion]
    columns = [sum(column) for column in zip(*confusion, strict=True)]
    count = sum(rows)
    same = sum(row[at] for at, row in enumerate(confusion))
    shared = same * count - sum(row * column for row, column in zip(rows, columns, strict=True))
    spreads = [count**2 - sum(n**2 for n in each) for each in (rows, columns)]
    product = spreads[0] * spreads[1]
    return shared / sqrt(product) if product else None
