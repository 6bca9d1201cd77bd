"""Watches the dead letters that wait to be sent again. The topic is the truth, so no restart loses it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.resent_letters import Resent, ResentLetters
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS

from plaudit_stream_processors.dead_letters.waiting import PartitionTally, Waiting, sum_of

log = logging.getLogger("plaudit.worker")

_AT_ONCE: Final = 1000
_BREATH_S: Final = 0.1  # between two reads: a long topic must not take the worker's processor
_ANSWER_S: Final = 10.0
_REFRESH_S: Final = 6 * 3600.0  # Kafka forgets the offsets of a group that commits none for days


class LetterWatch:
    """Counts the letters, in a daemon thread. Only one worker does, the one that also publishes figures.

    Attributes:
        waiting: what the newest look found, by reason; None where another worker looks, and before the first.
    """

    def __init__(self, connection: ConnectionSettings, every_s: float, is_mine: Callable[[], bool]) -> None:
        """`is_mine` says whether this worker is the one that looks. It is called from the thread."""
        self._connection, self._every_s, self._is_mine = connection, every_s, is_mine
        self._events = connection.topic_prefix + EVENTS
        self._ended = threading.Event()
        self._tallies: dict[int, PartitionTally] = {}
        self._blind = False
        self.waiting: Waiting | None = None

    def start(self) -> None:
        """Start looking."""
        threading.Thread(target=self._run, name="letters", daemon=True).start()

    def stop(self) -> None:
        """Stop looking. Does not wait for a look under way."""
        self._ended.set()

    def look(self, reader: TopicReader, resent: ResentLetters) -> Mapping[int, Resent]:
        """Count what is new, and what was sent again. Returns how far letters were sent again.

        Raises:
            ServiceUnavailableError: Kafka does not answer, or does not allow it.
            TopicError: the topic does not exist.
        """
        partitions = reader.partitions()
        sent = resent.read(partitions)
        for partition in partitions:
            self._count(reader, partition, sent[partition])
        self.waiting = sum_of(self._tallies.values())
        return sent

    def _count(self, reader: TopicReader, partition: int, sent: Resent) -> None:
        low, end = reader.ends(partition)
        tally = self._tallies.get(partition)
        if tally is None or tally.is_outdated(sent, low) or tally.position > end:
            tally = self._tallies[partition] = PartitionTally(sent, low)
        records = reader.records(partition, max(low, tally.position), end)
        while some := list(islice(records, _AT_ONCE)):
            for record in some:
                tally.take(record, self._events)
            if len(some) == _AT_ONCE and self._ended.wait(_BREATH_S):
                return

    def _run(self) -> None:
        while not self._ended.is_set():
            if not self._is_mine():
                self._tallies, self.waiting = {}, None
                self._ended.wait(min(1.0, self._every_s))
                continue
            try:
                self._watch()
            except (ServiceUnavailableError, TopicError) as error:
                if not self._blind:
                    log.warning("dead letters that wait to be sent again are not counted: %s", error)
                self._blind = True
                self._ended.wait(self._every_s)

    def _watch(self) -> None:
        """Look again and again, for as long as this worker is the one."""
        resent, refreshed_at = ResentLetters(self._connection), -_REFRESH_S
        try:
            with TopicReader(self._connection, DEAD_LETTERS, timeout_s=_ANSWER_S) as reader:
                while not self._ended.is_set() and self._is_mine():
                    sent = self.look(reader, resent)
                    if time.monotonic() - refreshed_at > _REFRESH_S:
                        resent.record({partition: known for partition, known in sent.items() if known})
                        refreshed_at = time.monotonic()
                    self._blind = False
                    self._ended.wait(self._every_s)
        finally:
            resent.close()
