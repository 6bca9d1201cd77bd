"""Where everything lies under the root that sinks write and that snapshots are built from.

v1/<subset>/date=YYYY-MM-DD/<partition>-<first>-<last>.parquet    rows; both offsets are included
README.md                                                         tells readers which subsets there are
.plaudit/root.json                                                the topic that the root belongs to
.plaudit/markers/<topic id>/<partition>.json                      how far each partition has come
.plaudit/aside/                                                   files in the making, on a local disk
"""

import re
from typing import Final, NamedTuple

from plaudit_consumers.rows.schemas import SUBSETS, Subset
from plaudit_consumers.sink.errors import ForeignFileError

LAYOUT: Final = "v1"
HIDDEN: Final = ".plaudit"
ROOT_FILE: Final = f"{HIDDEN}/root.json"
MARKERS: Final = f"{HIDDEN}/markers"
ASIDE: Final = f"{HIDDEN}/aside"
README: Final = "README.md"

_NAME = re.compile(r"date=(\d{4}-\d{2}-\d{2})/(\d+)-(\d+)-(\d+)\.parquet")


class FileSpan(NamedTuple):
    """The records of one file, and of the files of other subsets beside it.

    Attributes:
        day: the UTC day on which Kafka took the records.
        first, last: offsets of the finished topic, both included.
    """

    day: str
    partition: int
    first: int
    last: int

    def path(self, subset: Subset) -> str:
        """Where the subset's file lies under the root."""
        name = f"{self.partition:04d}-{self.first:012d}-{self.last:012d}.parquet"
        return f"{LAYOUT}/{subset}/date={self.day}/{name}"


def parse_name(name: str) -> FileSpan | None:
    """What a file's name in its subset's folder says; None where it is no name of a sink's file."""
    found = _NAME.fullmatch(name)
    return None if found is None else FileSpan(found[1], int(found[2]), int(found[3]), int(found[4]))


def parse_path(path: str) -> tuple[Subset, FileSpan]:
    """What a file's path under the root says.

    Raises:
        ForeignFileError: no sink gives such a name.
    """
    for subset in SUBSETS:
        folder = f"{LAYOUT}/{subset}/"
        span = parse_name(path.removeprefix(folder)) if path.startswith(folder) else None
        if span is not None and span.path(subset) == path:  # another spelling would be a second name
            return subset, span
    raise ForeignFileError(f"{path} was not written by a sink; move it out of the output")


def marker_path(topic_id: str, partition: int) -> str:
    """Where the marker of a partition lies under the root."""
    return f"{MARKERS}/{topic_id}/{partition:04d}.json"
