"""Looks whether topics and workers are there at all: without them no figure tells what is wrong."""

import threading
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.groups import GroupReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of, live_partitions
from plaudit_schemas.topics.problems import LINE

from plaudit_consumers.dashboard.changes import Condition

_EVERY_S: Final = 5.0
_ANSWER_S: Final = 5.0


class LineWatch:
    """Looks in a daemon thread, as Kafka may take long to answer. While it does not, the last look counts,
    and before the first one there is an alert that says why.

    Attributes:
        conditions: what the newest look found.
    """

    def __init__(self, connection: ConnectionSettings, group: str) -> None:
        """`group` is the consumer group of the workers, without the topic prefix."""
        self._connection, self._group = connection, connection.topic_prefix + group
        self._groups = GroupReader(lambda: admin_of(connection))
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.conditions: list[Condition] = []

    def start(self) -> None:
        """Start looking, unless it does."""
        if self._thread is None:
            self._ended = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=[self._ended], name="line watch", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop looking. Does not wait for a look under way."""
        self._ended.set()
        self._thread = None

    def look(self) -> list[Condition]:
        """The conditions of the line now.

        Raises:
            PlauditError: Kafka does not answer, or does not let us look.
        """
        admin = admin_of(self._connection)
        topics = live_partitions(admin, self._connection, timeout_s=_ANSWER_S)
        missing = [
            name for name in (self._connection.topic_prefix + each for each in LINE) if name not in topics
        ]
        if missing:
            text = f"There is no topic {', '.join(missing)}; run `plaudit topics create`"
            return [Condition("PlauditTopicUnsafe", ("existence",), text)]
        group = self._groups.describe(self._group)
        if group is None or not group.members:
            return [Condition("PlauditNoWorker", (), f"No worker is in the consumer group {self._group}")]
        return []

    def _run(self, ended: threading.Event) -> None:
        seen = False
        while not ended.is_set():
            try:
                self.conditions, seen = self.look(), True
            except (PlauditError, KafkaException) as error:
                if not seen:  # later the age of the figures tells
                    self.conditions = [Condition("PlauditSnapshotsStale", ("line",), _unknown(error))]
            ended.wait(_EVERY_S)


def _unknown(error: Exception) -> str:
    return f"Nothing is known of the line yet: {error}"
