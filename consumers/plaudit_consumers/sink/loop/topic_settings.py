"""Which settings of the finished topic a sink works with. Pure."""

from collections.abc import Mapping
from typing import Final

LEAST_RETENTION_MS: Final = 86_400_000
"""Time to notice a stalled sink and to mend it before Kafka deletes what was not read."""
_UNLIMITED: Final = "-1"


def settings_problem(config: Mapping[str, str]) -> str | None:
    """Why the topic's settings lose or distort conversations; None if they do not.

    Args:
        config: the broker's configuration of the topic.
    """
    if config.get("message.timestamp.type") != "LogAppendTime":
        return (
            "must have message.timestamp.type=LogAppendTime: file rotation and snapshots rely on the "
            "broker's timestamps"
        )
    if "compact" in config.get("cleanup.policy", ""):
        return "must have cleanup.policy=delete: compaction removes revisions that were not read yet"
    if config.get("retention.bytes", _UNLIMITED) != _UNLIMITED:
        return "must have retention.bytes=-1: a limit in bytes deletes conversations that were not read yet"
    retention_ms = int(config.get("retention.ms", _UNLIMITED))
    if 0 <= retention_ms < LEAST_RETENTION_MS:
        return (
            f"must have retention.ms of at least {LEAST_RETENTION_MS} (a day), not {retention_ms}: a shorter "
            "one deletes conversations before a stalled sink is mended"
        )
    return None
