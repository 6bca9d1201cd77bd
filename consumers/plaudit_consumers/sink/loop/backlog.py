"""What waits in Kafka for the output, in all partitions, whichever sink should write it.

It goes by the broker and by the markers in the output. What a sink holds does not count: one that was left
without partitions holds nothing.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # public, not declared as such
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.asking import listed_offsets
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.commit.marker import MarkerFile
from plaudit_consumers.sink.errors import LogChangedError
from plaudit_consumers.sink.layout import marker_path
from plaudit_consumers.sink.outputs.output import OutputRoot

_ANSWER_S: Final = 10.0


class LogBounds(NamedTuple):
    """The first offset of a partition's log, and the offset after its last."""

    low: int
    high: int


def refuse_cut_log(topic: str, number: int, position: int, high: int) -> None:
    """Refuse a log that ends before the output's position.

    Raises:
        LogChangedError: it does.
    """
    if position > high:
        raise LogChangedError(
            f"{topic} {number} ends at offset {high}, but the output goes up to {position}: the log was "
            "truncated or recreated; give the sink a new --output"
        )


class TopicLog:
    """The log of the finished topic. Safe for several threads.

    Attributes:
        topic: the finished topic.
    """

    def __init__(self, connection: ConnectionSettings, topic: FinishedTopic) -> None:
        self._connection, self.topic = connection, topic
        self._admin = admin_of(connection)

    def bounds(self) -> dict[int, LogBounds]:
        """The bounds of every partition's log.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        count = live_partitions(self._admin, self._connection, timeout_s=_ANSWER_S).get(self.topic.name, 0)
        numbers = range(count)
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # not annotated
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not annotated
        low = self._offsets(dict.fromkeys(numbers, earliest))
        high = self._offsets(dict.fromkeys(numbers, latest))
        return {number: LogBounds(low[number][0], high[number][0]) for number in numbers}

    def _offsets(self, asked: Mapping[int, OffsetSpec]) -> dict[int, tuple[int, int]]:
        """Offset and timestamp that the broker answers for each partition; -1 for one that there is not."""
        try:
            return listed_offsets(self._admin, self.topic.name, asked, _ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise ServiceUnavailableError(
                f"Kafka did not return the offsets of {self.topic.name} ({error}); try again"
            ) from None


class Backlog(TopicLog):
    """Compares the markers of an output with the log."""

    def __init__(self, connection: ConnectionSettings, topic: FinishedTopic, output: OutputRoot) -> None:
        super().__init__(connection, topic)
        self._output = output
        self._timestamps: dict[tuple[int, int], int] = {}  # (partition, offset) -> broker's timestamp

    def written(self, numbers: Iterable[int]) -> dict[int, int]:
        """The positions in the markers of these partitions; nothing for one without a marker.

        Raises:
            OutputUnavailableError: the output cannot be used at the moment.
            ForeignFileError: a marker is damaged.
        """
        paths = {number: marker_path(self.topic.id, number) for number in numbers}
        markers = {number: MarkerFile(self._output, path).load() for number, path in paths.items()}
        return {number: marker.position for number, marker in markers.items() if marker is not None}

    def positions(self, bounds: Mapping[int, LogBounds]) -> dict[int, int]:
        """The first offset of each partition that is in the log but not in the output.

        Raises:
            as `written`.
        """
        written = self.written(bounds)
        return {number: max(low, written.get(number, 0)) for number, (low, _) in bounds.items()}

    def oldest_ms(self) -> int | None:
        """The broker's timestamp of the oldest record that is not in the output; None if there is none.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            OutputUnavailableError, ForeignFileError: as `written`.
        """
        bounds = self.bounds()
        waiting = {
            number: position
            for number, position in self.positions(bounds).items()
            if position < bounds[number].high
        }
        # Only what waits now is kept, so that the memory is bounded.
        known = {place: at for place, at in self._timestamps.items() if place in waiting.items()}
        unknown = {number: offset for number, offset in waiting.items() if (number, offset) not in known}
        found = self._timestamps_at(unknown)
        self._timestamps = known | {(number, unknown[number]): at for number, at in found.items()}
        return min(self._timestamps.values(), default=None)

    def _timestamps_at(self, wanted: Mapping[int, int]) -> dict[int, int]:
        """The timestamps of the records at these offsets, or of the next record where there is none.

        The broker tells the first record from a time on. So the time is bisected until that is the record.
        This reads no record, which may have 64 MiB.
        """
        now_ms = int(time.time() * 1000)
        spans = dict.fromkeys(wanted, (0, 2 * now_ms))
        found: dict[int, int] = {}
        while spans:
            times = {number: (low + high) // 2 for number, (low, high) in spans.items()}
            answers = self._offsets({number: OffsetSpec.for_timestamp(at) for number, at in times.items()})
            for number, (offset, timestamp) in answers.items():
                low, high = spans[number]
                if offset >= wanted[number]:
                    found[number] = timestamp
                if 0 <= offset < wanted[number]:
                    low = max(times[number], timestamp) + 1
                else:
                    high = times[number]
                spans[number] = (low, high)
                if low >= high or offset == wanted[number]:
                    del spans[number]
        return found
