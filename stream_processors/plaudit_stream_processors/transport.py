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
meanwhile, in the consumer's thread. A partition whose log does not hold the position is set aside, and the
others are read on: to go on there would skip records without a word. Not promised: that a batch delivered
before a rebalance is still wanted afterwards. Compare `batch.session` with the session that `acquire` was
given.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from plaudit_stream_processors.consumer_thread import NOTE_SETTING, ConsumerThread
from plaudit_stream_processors.positions import (
    FetchedBatch,
    PositionStore,
    SetAside,
    Stretch,
    set_aside,
)

MAX_UNACKED = 2  # one is written while the next one is folded
ANSWER_S = 40.0  # below the 60 s that Faust gives a seek
_BESIDE_FULL_S = 0.02  # the longest fetch while full partitions are left out of it
_SETTING = "batched_positions"


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
        held: while it is true, nothing is fetched. The group keeps its members and partitions.
        aside: the partitions that are assigned but not read, and why.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = 0
        self.last_fetch = time.monotonic()
        self.held = False
        self.aside: dict[TP, SetAside] = {}
        self._kept: Mapping[TP, list[Stretch]] = {}
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
        held = self.assignment()
        ends: dict[TP, int | None] = {tp: self.highwater(tp) for tp in self._acked_next if tp in held}
        return {tp: max(0, end - self._acked_next[tp]) for tp, end in ends.items() if end is not None}

    def waits_since(self) -> float | None:
        """Since when the partition that has waited longest waits for an acknowledgement; None if none waits.

        In seconds of `time.monotonic`. A wait starts at the first delivery to a partition that had no batch
        left, and starts again with every acknowledgement.
        """
        waiting = (tp for tp in self._position if self._unacked_batches[tp])
        return min((self._waits_since[tp] for tp in waiting), default=None)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Begin a new session at the store's positions. Faust calls this to seek to the committed offsets.

        Raises:
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
            found = {tp: set_aside(tp, stored, earliest[tp], latest[tp]) for tp in held}
            self.aside = {tp: why for tp, why in found.items() if why is not None}
            positions = {tp: _position_of(stored.get(tp), earliest[tp]) for tp in held}
            self._kept = {}
            self._unacked_batches = dict.fromkeys(held, 0)
            self._acked_next = {tp: positions[tp] for tp in held if tp in stored}
            # Lag monitors go by the group. A new one has no offsets, and without events it would get none.
            self._to_commit = {
                tp: positions[tp] for tp in held if stored.get(tp) is not None and tp not in self.aside
            }
            self._position = {tp: positions[tp] for tp in held if tp not in self.aside}
            # A partition set aside is paused, but without a valid position aiokafka would look for one.
            await self.seek_wait({tp: self._position.get(tp, earliest[tp]) for tp in held})
            self._room.set()  # a fetch may still wait for an acknowledgement of the old session
            return positions

    async def read_again(self, tp: TP, offset: int) -> bool:
        """Read a partition that was set aside, from this offset on.

        Returns:
            False if nothing was done: batches of it are under way, or a rebalance has taken it meanwhile.
        """
        if tp not in self.aside or self._unacked_batches.get(tp):
            return False
        del self.aside[tp]
        self._position[tp] = self._acked_next[tp] = offset
        thread: Any = self._thread
        await thread.read_again(tp, offset, self.session)
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop delivering from these partitions and tell the store. Called during a rebalance."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._position.pop(tp, None)
            self.aside.pop(tp, None)
        await asyncio.wait_for(getattr(self.app, _SETTING).release(revoked), ANSWER_S)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109  # Faust's signature
        """The batches of one fetch from the partitions with room, and the partitions that have one."""
        if (self.held or not self._kept) and not await self._has_room_within(timeout):
            self.last_fetch = time.monotonic()
            return {}, set()
        stretches = self._kept or await self._stretches(timeout)
        self.last_fetch = time.monotonic()
        self._kept = stretches if self.held else {}
        if self.held:  # since the fetch began; what it has read is read, so it is delivered later
            return {}, set()
        if not self.flow_active:
            # A rebalance. The fetch may have begun before its seek and ended after it. Its records are kept
            # until the flow goes on; only then does the session tell which are stale.
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode takes asyncio's events too
            if self.should_stop:
                return None, set()
        found = {tp: self._batch(tp, stretch) for tp, (stretch,) in stretches.items()}
        batches = {tp: [batch] for tp, batch in found.items() if batch is not None}
        return batches, set(batches)

    async def _stretches(self, timeout: float) -> Mapping[TP, list[Stretch]]:  # noqa: ASYNC109  # Faust's
        left_out = self._left_out()
        if left_out - self.aside.keys():  # one that gets room must not wait until another one has records
            timeout = min(timeout, _BESIDE_FULL_S)
        # They are left out of this fetch only: the set is Faust's, and rebalances change it too.
        self._get_active_partitions().difference_update(left_out)
        try:
            stretches, _ = await super()._wait_next_records(timeout)
        finally:
            self._get_active_partitions().update(left_out & self.assignment())
        return stretches or {}

    def _left_out(self) -> set[TP]:
        """The active partitions that are set aside, or have as many unacknowledged batches as are allowed."""
        active = self._get_active_partitions()
        return {
            tp
            for tp in active
            if self.held or tp in self.aside or self._unacked_batches.get(tp, 0) >= MAX_UNACKED
        }

    async def _has_room_within(self, timeout: float) -> bool:  # noqa: ASYNC109  # Faust's
        """Whether some partition may be fetched. Waits for an acknowledgement where none may."""
        left_out = self._left_out()
        if not left_out or left_out < self._get_active_partitions():
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

    def _should_commit(self, _tp: TP, _offset: int) -> bool:
        """Always: Faust takes the store's position for what the group has, and a new group has nothing."""
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Does nothing: a batch knows the position after it, whatever gaps the offsets have."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Does nothing: Faust's livelock checks count messages, and only log."""


class Transport(driver.Transport):
    """`batched://`: aiokafka's transport with a BatchedConsumer."""

    Consumer: ClassVar[type[BatchedConsumer]] = BatchedConsumer

    @staticmethod
    def use_positions(app: Any, store: PositionStore, note: str = "") -> None:
        """Give an app its position store. Call it before the app starts.

        Args:
            note: kept in Kafka with each committed offset, for a store that reads them back.
        """
        setattr(app, _SETTING, store)
        setattr(app, NOTE_SETTING, note)


def _position_of(stored: int | None, earliest: int) -> int:
    return earliest if stored is None else stored
