"""Records in the output which offsets Kafka deleted before a sink had read them.

A counter of a process would forget them, and nothing else tells later why rows are missing.
"""

import re
from typing import Final, NamedTuple

import orjson

from plaudit_consumers.sink.layout import LOST, lost_path
from plaudit_consumers.sink.outputs.output import OutputRoot, VersionConflict

_NAME: Final = re.compile(rf"{re.escape(LOST)}/[^/]+/(\d+)-(\d+)-(\d+)\.json")


class LostRange(NamedTuple):
    """Offsets of the finished topic, both included."""

    partition: int
    first: int
    last: int


def parse_lost_path(path: str) -> LostRange | None:
    """Parse the path of a record; None if it is the path of something else."""
    found = _NAME.fullmatch(path)
    return None if found is None else LostRange(int(found[1]), int(found[2]), int(found[3]))


def record_lost(output: OutputRoot, topic_id: str, lost: LostRange, noticed_s: float) -> None:
    """Record a range, with the time at which a sink found it missing, in seconds since 1970."""
    try:
        output.swap(lost_path(topic_id, *lost), orjson.dumps({"noticed_s": noticed_s}), None)
    except VersionConflict:
        return  # recorded before, by a sink that ended before its next commit


def last_loss_s(output: OutputRoot) -> float:
    """When a sink last found records missing, in seconds since 1970; 0 if none ever did."""
    latest = 0.0
    for path in output.paths(LOST):
        loaded = output.load(path) if parse_lost_path(path) else None
        if loaded is not None:
            latest = max(latest, float(orjson.loads(loaded[0])["noticed_s"]))
    return latest
