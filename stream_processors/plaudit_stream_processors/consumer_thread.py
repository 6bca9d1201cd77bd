"""The consumer of the batched transport, in the thread where Faust runs it."""

from collections.abc import Mapping
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import CommitFailedError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from plaudit_schemas.kafka.offset_notes import ended

from plaudit_stream_processors.group_errors import GroupErrors
from plaudit_stream_processors.positions import Stretch, set_aside

# Why these: see ConsumerThread, and docs/decisions/0009 for what one byte, Kafka's default, costs.
FETCH_WAIT_MS: Final = 30
FETCH_MIN_BYTES: Final = 64 * 1024
NOTE_SETTING: Final = "batched_note"
"""The attribute of the Faust app that holds the note of its commits."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Skips the records of aborted transactions, and waits briefly for new records.

    The broker answers a fetch once it has FETCH_MIN_BYTES, or after FETCH_WAIT_MS with what there is. Without
    a minimum, single events would each cost a fetch, a batch and a commit. The wait is short because aiokafka
    sends a broker one fetch at a time, for the partitions with nothing buffered: while it waits, new records
    of the broker's other partitions wait too.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session = 0
        self._reached: dict[TP, int] = {}

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001  # nothing public tells its errors
        self._group = GroupErrors(coordinator, self.app, self.consumer.loop)

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # Faust has no setting for these
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        consumer._fetch_min_bytes = FETCH_MIN_BYTES  # noqa: SLF001
        return consumer

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        # Nothing awaits between these lines and the seeks. So no fetch ends there, and each has one session.
        owner: Any = self.consumer
        aside = set(owner.aside)
        self._session = owner.session
        self._reached = {tp: offset for tp, offset in partitions.items() if tp not in aside}
        for tp in partitions:
            (consumer.pause if tp in aside else consumer.resume)(TopicPartition(*tp))
        await super()._seek_wait(consumer, partitions)
        # From here on, a position that the log no longer holds is an error and not a reason to skip records.
        consumer._fetcher._default_reset_strategy = OffsetResetStrategy.NONE  # noqa: SLF001

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit offsets with the app's note, which Faust would leave out."""
        note, held = ended(getattr(self.app, NOTE_SETTING)), self.assignment()
        places = {
            TopicPartition(*tp): OffsetAndMetadata(at, note) for tp, at in offsets.items() if tp in held
        }
        try:
            await self._ensure_consumer().commit(places)
        except CommitFailedError:
            return False  # a rebalance: the next owner goes by what was committed before
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Until the next seek a new assignment may start anywhere: a reset there skips nothing that is wanted.
        fetcher: Any = self._ensure_consumer()._fetcher  # noqa: SLF001
        fetcher._default_reset_strategy = OffsetResetStrategy.EARLIEST  # noqa: SLF001
        await super().on_partitions_revoked(revoked)

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        try:
            found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except OffsetOutOfRangeError as error:
            for tp in error.args[0]:
                await self._set_aside(consumer, TP(*tp))
            return {}
        except KafkaError as error:
            raise self._group.error or error from None
        stretches: dict[TP, list[Any]] = {}
        for tp, first in self._reached.items():
            records = found.get(tp, ())
            # A fetch may move the position without records: past transaction markers.
            following = _position(consumer, tp)
            if following is not None and (records or following > first):
                stretches[tp] = [Stretch(self._session, first, following, records)]
        self._reached.update({tp: stretch.next_offset for tp, (stretch,) in stretches.items()})
        return stretches

    async def _set_aside(self, consumer: Any, tp: TP) -> None:
        """Stop reading a partition that has lost the next record to read, while others are read on."""
        session, first = self._session, self._reached.get(tp)
        place = TopicPartition(*tp)
        try:
            earliest = (await consumer.beginning_offsets([place]))[place]
            latest = (await consumer.end_offsets([place]))[place]
        except KafkaError:
            return  # the next fetch meets the same error
        why = set_aside(tp, {tp: first}, earliest, latest)
        if why is None or session != self._session:
            return  # the seek of another session has looked by itself
        self._reached.pop(tp)
        consumer.pause(place)
        owner: Any = self.consumer
        owner.aside = {**owner.aside, tp: why}  # a new one: the other thread may be looking through the old

    async def read_again(self, tp: TP, offset: int, session: int) -> None:
        """Seek a paused partition and resume it, unless another session has begun."""
        await self.call_thread(self._read_again, self._ensure_consumer(), tp, offset, session)

    async def _read_again(self, consumer: Any, tp: TP, offset: int, session: int) -> None:
        place = TopicPartition(*tp)
        if session == self._session and place in consumer.assignment():
            self._reached[tp] = offset
            consumer.seek(place, offset)
            consumer.resume(place)


def _position(consumer: Any, tp: TP) -> int | None:
    """The position of aiokafka's consumer, or None; `AIOKafkaConsumer.position` would wait for one."""
    subscription = consumer._subscription.subscription  # noqa: SLF001  # nothing public tells it without waiting
    assignment = None if subscription is None else subscription.assignment
    if assignment is None or tp not in assignment.tps:
        return None
    state = assignment.state_value(tp)
    return int(state.position) if state.has_valid_position else None
