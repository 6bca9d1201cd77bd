"""The settings of the fold. The same rules and the same log always give the same state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from plaudit_stream_processors.metrics.series import Labels, counter_part, scorer_part, series_name

DAY_MS: Final = 86_400_000

CLOCKS_VERSION: Final = 2
"""From this version on no clock but the broker's decides, late words are amendments, and a rater who is the
conversation's user is one rater."""
ASPECTS_VERSION: Final = 3
"""From this version on votes on every aspect are counted."""
SCORES_VERSION: Final = 4
"""From this version on answers have the time at which they were complete, and scores of models are compared
with what people say."""
CURRENT_VERSION: Final = 4


def _all_labels(labels: Labels) -> str:
    return series_name(labels)


def _all_aspects(aspect: str, label: str | None = None) -> str:
    return counter_part(aspect if label is None else label)


class PartFor(Protocol):
    """Names an aspect, or a label of an aspect, as a part of a counter's name."""

    def __call__(self, aspect: str, label: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings that decide what the fold does.

    Attributes:
        state_retention_ms: how long after its end a conversation still takes events, by the broker's
            record timestamps.
        series_for: names the series in which labels count; labels past the cardinality limit become `other`.
        part_for: names an aspect, or a label of an aspect, in a counter; past the limit it becomes `other`.
        scorer_for: names a rater of kind model, by id and version, in a counter; likewise.
        version: of the rules. A partition's events are folded by the version that was in force at their
            offset, so that a replay of an old log gives what it gave.
        partitions: of the events topic, to refuse records in a partition that their key does not belong to;
            0 does not check.
    """

    state_retention_ms: int = 3 * DAY_MS
    series_for: Callable[[Labels], str] = field(default=_all_labels)
    part_for: PartFor = _all_aspects
    scorer_for: Callable[[str, str], str] = scorer_part
    version: int = CURRENT_VERSION
    partitions: int = 0
