"""Names in the output: `v1/<subset>/date=YYYY-MM-DD/<partition>-<first>-<last>.parquet`."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from plaudit_consumers.rows.schemas import SUBSETS, Subset
from plaudit_consumers.sink.errors import ForeignFileError

LAYOUT: Final = "v1"
HIDDEN: Final = ".plaudit"
ROOT_FILE: Final = f"{HIDDEN}/root.json"
README: Final = "README.md"

_PATH = re.compile(
    rf"{LAYOUT}/({'|'.join(SUBSETS)})/date=(\d{{4}}-\d\d-\d\d)/(\d{{4,}})-(\d{{12,}})-(\d{{12,}})\.parquet"
)


class Span(NamedTuple):
    """Records of one file: both offsets are of the finished topic and included; `day` is of the records."""

    day: str
    partition: int
    first: int
    last: int

    def path(self, subset: Subset) -> str:
        """Where the subset's file lies under the root."""
        name = f"{self.partition:04d}-{self.first:012d}-{self.last:012d}.parquet"
        return f"{LAYOUT}/{subset}/date={self.day}/{name}"


def parse(path: str) -> tuple[Subset, Span]:
    """What a file's path says.

    Raises:
        ForeignFileError: no sink gives such a name.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise ForeignFileError(f"{path} was not written by a sink; move it out of the output")
    subset: Subset = found[1]  # type: ignore[assignment]  # the pattern lists them
    return subset, Span(found[2], int(found[3]), int(found[4]), int(found[5]))


def day_of(timestamp_ms: int) -> str:
    """The UTC day of a record."""
    return _day(timestamp_ms // 86_400_000)


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).strftime("%Y-%m-%d")


def marker_path(topic_id: str, partition: int) -> str:
    """Where the marker of a partition lies."""
    return f"{HIDDEN}/markers/{topic_id}/{partition:04d}.json"
