"""Notices that the topic got more partitions while the producer runs (docs/decisions/0037)."""

import json
from typing import Any, Final

from plaudit_producers.sdk.outbox import log

_EVERY_MS: Final = 30_000


class PartitionWatch:
    """Follows the number of partitions in librdkafka's statistics, which cost no request.

    Attributes:
        changed: whether the number is not the one that the first statistics had.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._first = 0
        self.changed = False

    def kafka(self) -> dict[str, Any]:
        """librdkafka's settings that bring the statistics."""
        return {"statistics.interval.ms": _EVERY_MS, "stats_cb": self.take}

    def take(self, statistics: str) -> None:
        """Take librdkafka's statistics: JSON text. Called on the thread that polls."""
        topic = json.loads(statistics).get("topics", {}).get(self._topic, {})
        # Partition -1 holds the events that are not assigned to a partition yet.
        count = sum(int(number) >= 0 for number in topic.get("partitions", ()))
        if not count:
            return
        self._first = self._first or count
        if count != self._first and not self.changed:
            self.changed = True
            log.error(
                "%s had %d partitions when this producer started, and has %d now: workers fold nothing until "
                "the events are copied into new topics (`plaudit topics copy`); events are sent on and are "
                "not lost", self._topic, self._first, count,
            )  # fmt: skip
