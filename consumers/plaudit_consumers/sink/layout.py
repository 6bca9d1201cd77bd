"""The layout of the root that sinks write to and snapshots are built from.

v1/<subset>/date=YYYY-MM-DD/<partition>-<first>-<last>.parquet    rows; both offsets are included
README.md                                                         lists the subsets for readers
.plaudit/root.json                                                the topic that the root belongs to
.plaudit/group.json                                               the consumer group of its sinks
.plaudit/markers/<topic id>/<partition>.json                      the position of each partition
.plaudit/lost/<topic id>/<partition>-<first>-<last>.json          offsets that Kafka deleted unread
.plaudit/aside/                                                   files being written, on a local disk only
"""

import re
from typing import Final, NamedTuple

from plaudit_consumers.rows.schemas import RECORDS, Subset
from plaudit_consumers.sink.errors import ForeignFileError

LAYOUT: Final = "v1"
EARLIER_TRAINING: Final = tuple(f"{LAYOUT}/{name}" for name in ("sft", "sft_tools", "preference", "kto"))
"""Folders with training rows of an earlier sink. Nothing reads them any more, and they may be deleted."""
HIDDEN: Final = ".plaudit"
ROOT_FILE: Final = f"{HIDDEN}/root.json"
GROUP_FILE: Final = f"{HIDDEN}/group.json"
MARKERS: Final = f"{HIDDEN}/markers"
LOST: Final = f"{HIDDEN}/lost"
# On the same file system as the rest of the root, because hard links and renames do not cross file systems.
ASIDE: Final = f"{HIDDEN}/aside"
README: Final = "README.md"

_NAME = re.compile(r"date=(\d{4}-\d{2}-\d{2})/(\d+)-(\d+)-(\d+)\.parquet")


class FileSpan(NamedTuple):
    """The range of records that one file covers, as does the file of the other subset beside it.

    Attributes:
        day: the UTC day on which Kafka received the records.
        first, last: offsets of the finished topic, both included.
    """

    day: str
    partition: int
    first: int
    last: int

    def path(self, subset: Subset) -> str:
        """The path of the subset's file under the root."""
        # Padded with zeros, so that names sort by offset.
        name = f"{self.partition:04d}-{self.first:012d}-{self.last:012d}.parquet"
        return f"{LAYOUT}/{subset}/date={self.day}/{name}"


def parse_name(name: str) -> FileSpan | None:
    """Parse a file's name within the folder of its subset; None if no sink gives such a name."""
    found = _NAME.fullmatch(name)
    return None if found is None else FileSpan(found[1], int(found[2]), int(found[3]), int(found[4]))


def parse_path(path: str) -> tuple[Subset, FileSpan]:
    """Parse a file's path under the root.

    Raises:
        ForeignFileError: no sink gives such a name.
    """
    for subset in RECORDS:
        folder = f"{LAYOUT}/{subset}/"
        span = parse_name(path.removeprefix(folder)) if path.startswith(folder) else None
        # Another spelling, such as one without zeros, would be a second name for the same offsets.
        if span is not None and span.path(subset) == path:
            return subset, span
    raise ForeignFileError(f"{path} was not written by a sink; move it out of the output")


def marker_path(topic_id: str, partition: int) -> str:
    """The path of a partition's marker under the root."""
    return f"{MARKERS}/{topic_id}/{partition:04d}.json"


def lost_path(topic_id: str, partition: int, first: int, last: int) -> str:
    """The path of the record of lost offsets, both included."""
    return f"{LOST}/{topic_id}/{partition:04d}-{first:012d}-{last:012d}.json"
