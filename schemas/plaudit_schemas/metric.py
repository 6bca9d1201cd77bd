"""What is said of one Prometheus metric; each member lists its own."""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """One metric; each label has few values, since every combination of them is a series of its own."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
