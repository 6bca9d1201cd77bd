"""A Faust transport that delivers batches: one stream value is what one fetch brought of one partition.

For any Faust app, with a broker URL of `batched://host:port`::

    app = faust.App("app", broker="batched://127.0.0.1:9092", stream_wait_empty=False)
    Transport.use_positions(app, store)

    @app.agent(app.topic("events", key_serializer="raw", value_serializer="raw"))
    async def work(stream):
        async for event in stream.noack().events():
            batch = event.value
            ...  # process batch.records, write them and batch.next_offset to the store
            event.ack()

Faust's own way costs several asyncio tasks a message; a batch costs them once. Where to read from is
the position store's word, not the consumer group's: offsets committed to Kafka are a hint for those who
watch the lag.

Promised: the committed records of a partition come in order and without a gap from the position that
the store gave. After a crash or a rebalance they come again from the store's position. A partition that is
not acknowledged is not read further than `MAX_UNACKED` batches, so memory is bounded; the group's heartbeats
go on meanwhile, in the consumer's thread. Not promised: that a batch which was delivered before a
rebalance is still wanted afterwards; compare `batch.session` with the one that `acquire` was given.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

MAX_UNACKED = 2
ANSWER_S = 40.0  # below Faust's 60 s of patience with a seek
FETCH_WAIT_MS = 50
FETCH_MIN_BYTES = 64 * 1024
_BESIDE_FULL_S = 0.02
_SETTING = "batched_positions"


class FetchedBatch(NamedTuple):
    """Records of one partition, in order.

    Attributes:
        records: none where the log holds only transaction markers and aborted records. Commit the position
            after them all the same, or the lag never ends and retention deletes what looks unread.
        first_offset: where the batch starts: the position after the batch before it, or the store's.
        next_offset: the position after the batch. Offsets between may be missing from a log
            (compaction, transaction markers), so positions are contiguous and offsets are not.
        session: grows with every `acquire`; an older one's batches are stale.
        fetched_at: when they came, in the seconds of `time.monotonic`.
    """

    topic: str
    partition: int
    records: Sequence[Any]
    first_offset: int
    next_offset: int
    session: int
    fetched_at: float


class Stretch(NamedTuple):
    """What one fetch brought of one partition, from the consumer's position before it to the one after.

    Attributes:
        session: the one whose positions the consumer was sought to before.
    """

    session: int
    first_offset: int
    next_offset: int
    records: Sequence[Any]


class PositionStore(Protocol):
    """Where the application keeps its positions, beside the results that belong to them.

    Each call has ANSWER_S seconds. Then `acquire` crashes the app, which would go on without its streams;
    `release` is cut off, and the rebalance goes on.
    """

    async def acquire(self, partitions: Iterable[TP], session: int) -> Mapping[TP, int | None]:
        """Own these partitions from now on and say where to read from; None is the log's start.

        Called after each assignment, in the app's event loop, before the first batch of it, also for
        partitions that were held already: whatever is under way of an older session must be finished
        or given up first.
        """

    async def release(self, partitions: Iterable[TP]) -> None:
        """These partitions are going to others. Called during a rebalance; finish quickly or give up."""


class PositionError(Exception):
    """The log does not hold the position that the store gives; going on would skip records."""


class GapError(RuntimeError):
    """Records were fetched that do not follow those before; going on would skip some."""


class PositionStoreError(Exception):
    """The store did not say in time where to read from."""


class AckOrderError(RuntimeError):
    """A batch was acknowledged before one that lies before it."""


class BatchedConsumer(driver.Consumer):
    """Faust's aiokafka consumer with batches for messages and positions from the store.

    Attributes:
        session: the current session, 0 before the first.
        last_fetch: seconds of `time.monotonic` at the last fetch, empty or not.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = 0
        self.last_fetch = time.monotonic()
        self._position: dict[TP, int] = {}
        self._unacked_batches: dict[TP, int] = {}
        self._waits_since: dict[TP, float] = {}
        self._acked_next: dict[TP, int] = {}
        self._to_commit: dict[TP, int] = {}
        self._room = asyncio.Event()
        self._seeking = asyncio.Lock()

    @property
    def positions(self) -> Mapping[TP, int]:
        """The next offset to fetch of each partition held."""
        return dict(self._position)

    def lag(self) -> Mapping[TP, int]:
        """Records after the last acknowledged batch; of those partitions only that a fetch told of."""
        ends: dict[TP, int | None] = {
            tp: self.highwater(tp) for tp in self._position if tp in self.assignment()
        }
        return {tp: max(0, end - self._acked_next[tp]) for tp, end in ends.items() if end is not None}

    def waits_since(self) -> float | None:
        """When the partition that waits longest was last acknowledged, or delivered to after a rest.

        In the seconds of `time.monotonic`; None where no delivered batch waits.
        """
        waiting = (tp for tp in self._position if self._unacked_batches[tp])
        return min((self._waits_since[tp] for tp in waiting), default=None)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where Faust asks for committed offsets: a new session begins, at the store's positions.

        Raises:
            PositionError: the log does not hold a position. The app crashes with it.
            PositionStoreError: the store did not answer. Likewise.
        """
        async with self._seeking:  # Faust's fetcher may ask beside a rebalance
            store: PositionStore = getattr(self.app, _SETTING)
            held = list(self.assignment())
            self.session += 1
            try:
                stored = await asyncio.wait_for(store.acquire(held, self.session), ANSWER_S)
            except TimeoutError:
                error = PositionStoreError(
                    f"no position within {ANSWER_S:.0f} s; see what the store waits for"
                )
                await self.app.crash(error)
                raise error from None
            earliest = await self.earliest_offsets(*held) if held else {}
            latest = await self.highwaters(*held) if held else {}
            positions = {tp: _checked(tp, stored[tp], earliest[tp], latest[tp]) for tp in held}
            self._unacked_batches = dict.fromkeys(held, 0)
            self._acked_next = dict(positions)
            self._to_commit = {}
            self._position = dict(positions)
            await self.seek_wait(positions)
            self._room.set()
            return positions

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """During a rebalance: stop delivering, tell the store."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._position.pop(tp, None)
        await asyncio.wait_for(getattr(self.app, _SETTING).release(revoked), ANSWER_S)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109  # Faust's signature
        """Batches of the partitions that have room for one, and these partitions."""
        if not await self._has_room_within(timeout):
            self.last_fetch = time.monotonic()
            return {}, set()
        full = self._full_partitions()
        if full:  # they must not wait until one of the others has a record
            timeout = min(timeout, _BESIDE_FULL_S)
        # Full ones are left out of this fetch alone: Faust's own set is what rebalances work on.
        self._get_active_partitions().difference_update(full)
        try:
            stretches, _ = await super()._wait_next_records(timeout)
        finally:
            self._get_active_partitions().update(full & self.assignment())
        self.last_fetch = time.monotonic()
        if not self.flow_active:
            # A rebalance. The fetch may have begun before its seek and ended after it, so what it brought
            # is kept until the flow goes on; only then does the session tell what is stale.
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode takes asyncio's events too
            if self.should_stop:
                return None, set()
        found = {tp: self._batch(tp, stretch) for tp, (stretch,) in (stretches or {}).items()}
        batches = {tp: [batch] for tp, batch in found.items() if batch is not None}
        return batches, set(batches)

    def _full_partitions(self) -> set[TP]:
        """The active partitions that wait for the acknowledgement of as many batches as they may hold."""
        active = self._get_active_partitions()
        return {tp for tp in active if self._unacked_batches.get(tp, 0) >= MAX_UNACKED}

    async def _has_room_within(self, timeout: float) -> bool:  # noqa: ASYNC109  # Faust's
        """Whether some partition may be fetched; where all are full, waits for an acknowledgement."""
        full = self._full_partitions()
        if not full or full < self._get_active_partitions():
            return True
        self._room.clear()
        try:
            await asyncio.wait_for(self._room.wait(), timeout)
        except TimeoutError:
            return False
        return True

    def _batch(self, tp: TP, stretch: Stretch) -> FetchedBatch | None:
        expected = self._position.get(tp)
        if stretch.session != self.session or expected is None:
            return None  # fetched before the last seek, which brings it again
        if stretch.first_offset != expected:
            raise GapError(f"{tp} was fetched from {stretch.first_offset}, not from {expected}")
        _, first, following, records = stretch
        return FetchedBatch(tp.topic, tp.partition, records, first, following, self.session, time.monotonic())

    def _to_message(self, tp: TP, batch: Any) -> ConsumerMessage:
        # Only here is it certain that the batch is delivered, and not dropped with its generation.
        if batch.session == self.session:
            self._position[tp] = batch.next_offset
            if not self._unacked_batches[tp]:
                self._waits_since[tp] = time.monotonic()
            self._unacked_batches[tp] += 1
        timestamp, kind = time.time(), 0
        if batch.records:
            timestamp, kind = batch.records[-1].timestamp / 1000.0, batch.records[-1].timestamp_type
        return ConsumerMessage(
            batch.topic, batch.partition, batch.next_offset - 1, timestamp, kind,
            [], None, batch, None, None, None, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def ack(self, message: Message) -> bool:
        """The batch is written; its offset may be committed. Stale batches are ignored.

        Raises:
            AckOrderError: a batch before it was not acknowledged.
        """
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        batch: Any = message.value
        tp = message.tp
        if batch.session != self.session or tp not in self._position:
            return False
        if batch.first_offset != self._acked_next[tp]:
            expected = self._acked_next[tp]
            raise AckOrderError(f"{tp} was acknowledged at {batch.first_offset}, not at {expected}")
        self._acked_next[tp] = self._to_commit[tp] = batch.next_offset
        self._unacked_batches[tp] -= 1
        self._waits_since[tp] = time.monotonic()
        self._room.set()
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in list(self._to_commit) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._to_commit.pop(tp, None)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing to note: a batch knows the position after it."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock checks count messages and only log; readiness is the application's."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads no records of aborted transactions, and waits briefly for new ones.

    A fetch answers once there are FETCH_MIN_BYTES, or after FETCH_WAIT_MS with what there is: each event
    alone would cost a fetch, a batch and a commit of its own. A broker is asked once at a time, and only for
    the partitions of which nothing is buffered: while that waits, new records of the others wait with it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session = 0
        self._reached: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # Faust has no settings for these
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        consumer._fetch_min_bytes = FETCH_MIN_BYTES  # noqa: SLF001
        return consumer

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        # No fetch of this thread ends between these lines and the seeks, so each is of one session.
        owner: Any = self.consumer
        self._session, self._reached = owner.session, dict(partitions)
        await super()._seek_wait(consumer, partitions)
        # From here on a position that the log has no more is an error, and no reason to skip records.
        consumer._fetcher._default_reset_strategy = OffsetResetStrategy.NONE  # noqa: SLF001

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # The new assignment begins at the group's offsets, or anywhere, until it is sought.
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
            raise PositionError(f"the log no longer holds the next records to read: {error}") from error
        stretches: dict[TP, list[Any]] = {}
        for tp, first in self._reached.items():
            records = found.get(tp, ())
            following = _position(consumer, tp)
            if following is not None and (records or following > first):
                stretches[tp] = [Stretch(self._session, first, following, records)]
        self._reached.update({tp: stretch.next_offset for tp, (stretch,) in stretches.items()})
        return stretches


def _position(consumer: Any, tp: TP) -> int | None:
    """Where aiokafka's consumer stands; `AIOKafkaConsumer.position` would wait for one."""
    subscription = consumer._subscription.subscription  # noqa: SLF001  # nothing public tells it at once
    assignment = None if subscription is None else subscription.assignment
    if assignment is None or tp not in assignment.tps:
        return None
    state = assignment.state_value(tp)
    return int(state.position) if state.has_valid_position else None


class Transport(driver.Transport):
    """`batched://`: aiokafka's transport with a BatchedConsumer."""

    Consumer: ClassVar[type[BatchedConsumer]] = BatchedConsumer

    @staticmethod
    def use_positions(app: Any, store: PositionStore) -> None:
        """Give an app its position store; needed before the app starts."""
        setattr(app, _SETTING, store)


def _checked(tp: TP, stored: int | None, earliest: int, latest: int) -> int:
    if stored is None:
        return earliest
    if stored < earliest:
        raise PositionError(
            f"{tp.topic} {tp.partition} begins at {earliest}, but {stored} is the next to read: "
            "retention has deleted records that were never read"
        )
    if stored > latest:
        raise PositionError(
            f"{tp.topic} {tp.partition} ends at {latest}, but {stored} is the next to read: "
            "the topic was made anew, or the positions are another cluster's"
        )
    return stored
