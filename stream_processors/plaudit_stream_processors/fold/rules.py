"""The settings of the fold. The same rules and the same log always give the same state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from plaudit_stream_processors.metrics.label_names import AllNames, SeriesNames

DAY_MS: Final = 86_400_000

CLOCKS_VERSION: Final = 2
"""From this version on no clock but the broker's decides, late words are amendments, and a rater who is the
conversation's user is one rater."""
ASPECTS_VERSION: Final = 3
"""From this version on votes on every aspect are counted."""
SCORES_VERSION: Final = 4
"""From this version on answers have the time at which they were complete, and scores of models are compared
with what people say."""
CAPS_VERSION: Final = 5
"""From this version on a conversation holds only so many bytes, messages and events, and an end of one that
is not here leaves nothing."""
PAGES_VERSION: Final = 5
"""From this version on no page overrules what a server says of a conversation."""
LABELS_VERSION: Final = 5
"""From this version on each application has places of its own for the values that count apart, day by day."""
CURRENT_VERSION: Final = 5

_ALL_NAMES: Final = AllNames()


def _all_names(_arrived_ms: int, _version: int) -> SeriesNames:
    return _ALL_NAMES


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings that decide what the fold does.

    Attributes:
        state_retention_ms: how long after its end a conversation still takes events, by the broker's
            record timestamps.
        names_at: takes the record timestamp of an event, in ms, and a version of the rules. Gives the names
            of series and counters for it; values past the cardinality limit become `other`.
        version: of the rules. A partition's events are folded by the version that was in force at their
            offset, so that a replay of an old log gives what it gave.
        partitions: of the events topic, to refuse records in a partition that their key does not belong to;
            0 does not check.
    """

    state_retention_ms: int = 3 * DAY_MS
    names_at: Callable[[int, int], SeriesNames] = field(default=_all_names)
    version: int = CURRENT_VERSION
    partitions: int = 0

    def names(self, arrived_ms: int) -> SeriesNames:
        """The names for an event with this record timestamp."""
        return self.names_at(arrived_ms, self.version)
