"""A Faust transport that delivers batches: a stream value holds the records of one partition from one fetch.

For any Faust app, with a broker URL of `batched://host:port`::

    app = faust.App("app", broker="batched://127.0.0.1:9092", stream_wait_empty=False)
    Transport.use_positions(app, store)

    @app.agent(app.topic("events", key_serializer="raw", value_serializer="raw"))
    async def work(stream):
        async for event in stream.noack().events():
            batch = event.value
            ...  # process batch.records, write them and batch.next_offset to the store
            event.ack()

Faust itself spends several asyncio tasks on each message; this transport spends them once on each batch. The
position store decides where to read from, not the consumer group. Offsets are committed to Kafka only for
lag monitors.

Promised: the committed records of a partition come in order and without a gap, from the position that the
store gave. After a crash or a rebalance they come again from the store's position. At most `MAX_UNACKED`
batches of a partition wait for their acknowledgement, so memory is bounded. The group's heartbeats go on
meanwhile, in the consumer's thread. Not promised: that a batch delivered before a rebalance is still wanted
afterwards. Compare `batch.session` with the session that `acquire` was given.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

MAX_UNACKED = 2  # one is written while the next one is folded
ANSWER_S = 40.0  # below the 60 s that Faust gives a seek
# Why these: see _ConsumerThread, and docs/decisions/0009 for what one byte, Kafka's default, costs.
FETCH_WAIT_MS = 50
FETCH_MIN_BYTES = 64 * 1024
_BESIDE_FULL_S = 0.02  # the longest fetch while full partitions are left out of it
_SETTING = "batched_positions"


class FetchedBatch(NamedTuple):
    """Records of one partition, in order.

    Attributes:
        records: empty where the log holds only transaction markers and aborted records. Commit the position
            after them all the same: otherwise the lag never ends, and retention deletes what looks unread.
        first_offset: the position at which the batch starts: the end of the batch before it, or the store's.
        next_offset: the position after the batch. Positions are contiguous, but offsets are not: compaction
            and transaction markers leave gaps in a log.
        session: grows with every `acquire`; batches of an older session are stale.
        fetched_at: when the records came, in seconds of `time.monotonic`.
    """

    topic: str
    partition: int
    records: Sequence[Any]
    first_offset: int
    next_offset: int
    session: int
    fetched_at: float


class Stretch(NamedTuple):
    """The records of one partition from one fetch, with the consumer's positions before and after it.

    Attributes:
        session: the session of the last seek before the fetch.
    """

    session: int
    first_offset: int
    next_offset: int
    records: Sequence[Any]


class PositionStore(Protocol):
    """Where the application keeps its positions, next to the results that belong to them.

    Each call has ANSWER_S seconds. If `acquire` takes longer, the app crashes, as Faust would go on without
    its streams. If `release` takes longer, it is cancelled, and the rebalance goes on.
    """

    async def acquire(self, partitions: Iterable[TP], session: int) -> Mapping[TP, int | None]:
        """Own these partitions from now on, and return where to read from; None is the log's start.

        Called in the app's event loop, after each assignment and before its first batch. The partitions
        include those that were held already, so all work of an older session must be finished or given up
        first.
        """

    async def release(self, partitions: Iterable[TP]) -> None:
        """Give up these partitions: others may get them. Called during a rebalance, so it must be quick."""


class PositionError(Exception):
    """The log does not hold the position that the store gave. Going on would skip records."""


class GapError(RuntimeError):
    """The fetched records do not follow those before them. Going on would skip some."""


class PositionStoreError(Exception):
    """The store did not say in time where to read from."""


class AckOrderError(RuntimeError):
    """A batch was acknowledged before an earlier one of its partition."""


class BatchedConsumer(driver.Consumer):
    """Faust's aiokafka consumer, with batches in place of messages and positions from the store.

    Attributes:
        session: the current session, 0 before the first.
        last_fetch: when the last fetch ended, empty or not, in seconds of `time.monotonic`.
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
        """Partition -> records after its last acknowledged batch; only those whose end a fetch has told."""
        ends: dict[TP, int | None] = {
            tp: self.highwater(tp) for tp in self._position if tp in self.assignment()
        }
        return {tp: max(0, end - self._acked_next[tp]) for tp, end in ends.items() if end is not None}

    def waits_since(self) -> float | None:
        """Since when the partition that has waited longest waits for an acknowledgement; None if none waits.

        In seconds of `time.monotonic`. A wait starts at the first delivery to a partition that had no batch
        left, and starts again with every acknowledgement.
        """
        waiting = (tp for tp in self._position if self._unacked_batches[tp])
        return min((self._waits_since[tp] for tp in waiting), default=None)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Begin a new session at the store's positions. Faust calls this to seek to the committed offsets.

        Raises:
            PositionError: the log does not hold a position. The app crashes with it.
            PositionStoreError: the store did not answer in time. The app crashes with it.
        """
        async with self._seeking:  # Faust's fetcher may call this while a rebalance does
            store: PositionStore = getattr(self.app, _SETTING)
            held = list(self.assignment())
            self.session += 1
            try:
                stored = await asyncio.wait_for(store.acquire(held, self.session), ANSWER_S)
            except TimeoutError:
                error = PositionStoreError(
                    f"the position store gave no answer within {ANSWER_S:.0f} s; see what it waits for"
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
            self._room.set()  # a fetch may still wait for an acknowledgement of the old session
            return positions

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop delivering from these partitions and tell the store. Called during a rebalance."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._position.pop(tp, None)
        await asyncio.wait_for(getattr(self.app, _SETTING).release(revoked), ANSWER_S)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109  # Faust's signature
        """The batches of one fetch from the partitions with room, and the partitions that have one."""
        if not await self._has_room_within(timeout):
            self.last_fetch = time.monotonic()
            return {}, set()
        full = self._full_partitions()
        if full:  # one that gets room again must not wait until another one has records
            timeout = min(timeout, _BESIDE_FULL_S)
        # Full partitions are left out of this fetch only: the set is Faust's, and rebalances change it too.
        self._get_active_partitions().difference_update(full)
        try:
            stretches, _ = await super()._wait_next_records(timeout)
        finally:
            self._get_active_partitions().update(full & self.assignment())
        self.last_fetch = time.monotonic()
        if not self.flow_active:
            # A rebalance. The fetch may have begun before its seek and ended after it. Its records are kept
            # until the flow goes on; only then does the session tell which are stale.
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode takes asyncio's events too
            if self.should_stop:
                return None, set()
        found = {tp: self._batch(tp, stretch) for tp, (stretch,) in (stretches or {}).items()}
        batches = {tp: [batch] for tp, batch in found.items() if batch is not None}
        return batches, set(batches)

    def _full_partitions(self) -> set[TP]:
        """The active partitions with as many unacknowledged batches as are allowed."""
        active = self._get_active_partitions()
        return {tp for tp in active if self._unacked_batches.get(tp, 0) >= MAX_UNACKED}

    async def _has_room_within(self, timeout: float) -> bool:  # noqa: ASYNC109  # Faust's
        """Whether some partition may be fetched. Waits for an acknowledgement where all are full."""
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
            return None  # fetched before the last seek; the records come again after it
        if stretch.first_offset != expected:
            raise GapError(f"{tp} was fetched from {stretch.first_offset}, not from {expected}")
        _, first, following, records = stretch
        return FetchedBatch(tp.topic, tp.partition, records, first, following, self.session, time.monotonic())

    def _to_message(self, tp: TP, batch: Any) -> ConsumerMessage:
        # Faust drops batches of an old generation before this call: only from here on is one delivered.
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
        """Note that a batch is written, so that its offset may be committed. False where that is no news.

        Raises:
            AckOrderError: an earlier batch of the partition is not acknowledged yet.
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
        """Does nothing: a batch knows the position after it, whatever gaps the offsets have."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Does nothing: Faust's livelock checks count messages, and only log."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
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

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # Faust has no setting for these
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        consumer._fetch_min_bytes = FETCH_MIN_BYTES  # noqa: SLF001
        return consumer

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        # Nothing awaits between these lines and the seeks. So no fetch ends there, and each has one session.
        owner: Any = self.consumer
        self._session, self._reached = owner.session, dict(partitions)
        await super()._seek_wait(consumer, partitions)
        # From here on, a position that the log no longer holds is an error and not a reason to skip records.
        consumer._fetcher._default_reset_strategy = OffsetResetStrategy.NONE  # noqa: SLF001

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
            raise PositionError(f"the log no longer holds the next records to read: {error}") from error
        stretches: dict[TP, list[Any]] = {}
        for tp, first in self._reached.items():
            records = found.get(tp, ())
            # A fetch may move the position without records: past transaction markers.
            following = _position(consumer, tp)
            if following is not None and (records or following > first):
                stretches[tp] = [Stretch(self._session, first, following, records)]
        self._reached.update({tp: stretch.next_offset for tp, (stretch,) in stretches.items()})
        return stretches


def _position(consumer: Any, tp: TP) -> int | None:
    """The position of aiokafka's consumer, or None; `AIOKafkaConsumer.position` would wait for one."""
    subscription = consumer._subscription.subscription  # noqa: SLF001  # nothing public tells it without waiting
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
        """Give an app its position store. Call it before the app starts."""
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
            "the topic was recreated, or the positions belong to another cluster"
        )
    return stored
