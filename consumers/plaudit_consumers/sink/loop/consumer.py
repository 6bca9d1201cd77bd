"""Consumes the finished topic in the consumer group of the sinks. Wraps all use of librdkafka's consumer."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from plaudit_schemas.errors import PlauditError, ServiceUnavailableError, SettingsError
from plaudit_schemas.kafka.producer import is_fatal
from plaudit_schemas.kafka.quiet_log import quiet_log
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.sink.errors import LogChangedError, SinkGroupError
from plaudit_consumers.sink.outputs.sink_group import OutputGroup
from plaudit_consumers.sink.settings import SinkSettings

log = logging.getLogger("plaudit.sink")

_ANSWER_S: Final = 30.0
_POLL_S: Final = 0.2
_FETCH_BYTES: Final = 4 << 20
"""About how many bytes one fetch returns: librdkafka limits only the number of records."""
_FETCH_RECORDS: Final = 2000
_NO_SUCH_OFFSET: Final = (
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001  # its public name
    KafkaError.OFFSET_OUT_OF_RANGE,
)
# Answers of the broker that stay the same however often the client asks, which it does for ever.
_REFUSED: Final = (
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.GROUP_MAX_SIZE_REACHED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
    KafkaError.INVALID_GROUP_ID,
    KafkaError.INVALID_SESSION_TIMEOUT,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
)


class SinkConsumer:
    """Reads from the offsets it is given. The offsets committed to the group only show the lag.

    Attributes:
        topic: its full name.
        client_id: by which the other members know this sink.
        at_end: the partitions that have been read to the end of the log.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        settings: SinkSettings,
        topic: str,
        group: OutputGroup,
        writer: str,
    ) -> None:
        """Does not join the group yet.

        Args:
            writer: names this sink.

        Raises:
            SettingsError: librdkafka refuses an option.
        """
        self.topic, self.client_id = topic, group.client_id(writer)
        self._group, self._instance = group.group, settings.sink_instance
        self.at_end: set[int] = set()
        self._callback_failure: Exception | None = None
        self._average_bytes = 4096  # a first guess; each record moves it
        try:
            self._client: Any = Consumer(
                connection.kafka(**_options(settings, group.group, self.client_id)),
                logger=quiet_log("plaudit.sink.kafka"),
            )
        except KafkaException as error:
            raise SettingsError(f"Kafka's client refuses the settings: {error.args[0].str()}") from None

    def subscribe(
        self,
        on_assign: Callable[[list[int]], None],
        on_revoke: Callable[[list[int]], None],
        on_lost: Callable[[list[int]], None],
    ) -> None:
        """Join the group. The callbacks get partition numbers, and run inside `fetch` and `close`.

        Args:
            on_lost: the group has given the partitions to others, because it did not hear of this sink.
        """

        def assigned(_client: Any, places: list[TopicPartition]) -> None:
            try:
                on_assign([place.partition for place in places])
            except (PlauditError, KafkaException, OSError) as error:
                self._callback_failure = error  # librdkafka would swallow it, so `fetch` raises it

        def given_up(tell: Callable[[list[int]], None]) -> Callable[[Any, list[TopicPartition]], None]:
            def revoked(_client: Any, places: list[TopicPartition]) -> None:
                numbers = [place.partition for place in places]
                self.at_end.difference_update(numbers)
                tell(numbers)

            return revoked

        self._client.subscribe(
            [self.topic], on_assign=assigned, on_revoke=given_up(on_revoke), on_lost=given_up(on_lost)
        )

    def fetch(self) -> Iterator[KafkaRecord]:
        """Wait briefly for records. The iterator keeps no record that it has yielded: each may be 50 MB.

        Raises:
            LogChangedError: raised by the iterator. The log no longer has the offset.
            SinkGroupError: another process has taken this sink's static name, or the group refuses it.
            ServiceUnavailableError: the client has failed for good.
            PlauditError, KafkaException, OSError: raised by the callback of an assignment.
        """
        count = max(1, min(_FETCH_RECORDS, _FETCH_BYTES // self._average_bytes))
        try:
            messages = self._client.consume(count, timeout=_POLL_S)
        except KafkaException as error:
            raise self._client_failure(error.args[0]) from None
        if self._callback_failure is not None:
            raise self._callback_failure
        messages.reverse()  # `_drain` pops from the end, which frees each message as it is yielded
        return self._drain(messages)

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Start reading more partitions, from these offsets."""
        self._client.incremental_assign(self._places(offsets))

    def reassign(self, offsets: Mapping[int, int]) -> None:
        """Read assigned partitions again, from these offsets."""
        places = self._places(offsets)
        # Unassigning also drops the records that librdkafka has already fetched beyond these offsets.
        self._client.incremental_unassign(places)
        self._client.incremental_assign(places)
        self.at_end.clear()

    def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset of the log, and the offset after its last. Raises KafkaException."""
        place = TopicPartition(self.topic, partition)
        low, high = self._client.get_watermark_offsets(place, timeout=_ANSWER_S)
        return int(low), int(high)

    def known_end(self, partition: int) -> int | None:
        """The offset after the log's last that the client knows of; does not ask Kafka."""
        _, high = self._client.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
        return int(high) if high >= 0 else None

    def commit_position(self, partition: int, position: int) -> None:
        """Commit the position of the output to the group; does not wait for Kafka."""
        try:
            self._client.commit(offsets=self._places({partition: position}), asynchronous=True)
        except KafkaException as error:
            # Only the shown lag suffers: the position itself is in the output.
            log.warning("the group's offset was not committed: %s", error.args[0].str())

    def close(self) -> None:
        """Leave the group."""
        self._client.close()

    def _places(self, offsets: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self.topic, partition, offset) for partition, offset in offsets.items()]

    def _drain(self, messages: list[Any]) -> Iterator[KafkaRecord]:
        while messages:
            message = messages.pop()
            if message.error() is not None:
                self._handle_event(message)
                continue
            self.at_end.discard(message.partition())
            # A moving average of about eight records. Floor division alone would stop short of larger sizes.
            self._average_bytes += (len(message.value() or b"") - self._average_bytes) // 8 or 1
            self._average_bytes = max(1, self._average_bytes)
            yield KafkaRecord.of(message)

    def _handle_event(self, message: Any) -> None:
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            self.at_end.add(message.partition())
        elif error.code() in _NO_SUCH_OFFSET:
            raise LogChangedError(f"{self.topic} {message.partition()}: {error.str()}; start the sink again")
        elif is_fatal(error) or error.code() in _REFUSED:
            raise self._client_failure(error)
        else:
            log.warning("Kafka: %s", error.str())

    def _client_failure(self, error: KafkaError) -> PlauditError:
        """The error for a client that never reads again."""
        # A fatal error has the code _FATAL, and only its text says why.
        if error.code() == KafkaError.FENCED_INSTANCE_ID or "fenced" in error.str().lower():
            return SinkGroupError(
                f"another process has joined the group {self._group} as {self._instance}: give each sink a "
                "PLAUDIT_SINK_INSTANCE of its own"
            )
        if error.code() in _REFUSED:
            return SinkGroupError(f"the group {self._group} does not take this sink: {error.str()}")
        return ServiceUnavailableError(f"Kafka's client has failed: {error.str()}; start the sink again")


def _options(settings: SinkSettings, group: str, client_id: str) -> dict[str, Any]:
    instance = {} if settings.sink_instance is None else {"group.instance.id": settings.sink_instance}
    return {
        **instance,
        "group.id": group,
        "client.id": client_id,  # tells the other members which output this sink writes
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,  # offsets are committed after the output, and only to show the lag
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # a gap must be an error, not skipped silently
        "session.timeout.ms": int(settings.sink_session_s * 1000),
        "heartbeat.interval.ms": max(500, int(settings.sink_session_s * 250)),
        "max.poll.interval.ms": 600_000,  # one turn may write a large file, or wait for the output
        "queued.max.messages.kbytes": 16_384,
        "fetch.max.bytes": 16 << 20,
        "max.partition.fetch.bytes": 2 << 20,
        "receive.message.max.bytes": 128 << 20,  # well above the topic's 64 MiB: Kafka sends a record whole
        "log_level": 4,
    }
