"""The transport's bookkeeping: what it delivers, acknowledges, leaves out and refuses."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from plaudit_stream_processors.positions import FetchedBatch, SetAside, Stretch, set_aside
from plaudit_stream_processors.transport import (
    MAX_UNACKED,
    AckOrderError,
    BatchedConsumer,
    GapError,
    PositionStoreError,
)

from harness.waiting import all_wait

A, B = TP("events", 0), TP("events", 1)


class _Consumer(BatchedConsumer):
    """The bookkeeping alone: fetches come from a list, seeks go to one."""

    def __init__(self, held: set[TP], store: Any, fetches: list[dict[TP, list[Any]]]) -> None:
        app: Any = SimpleNamespace(batched_positions=store, consumer_generation_id=1)
        self.app = app
        self.session, self.last_fetch, self.flow_active = 0, 0.0, True
        self.held, self.aside, self._kept = False, {}, {}
        self._position, self._unacked_batches, self._acked_next, self._to_commit = {}, {}, {}, {}
        self._room, self._seeking = asyncio.Event(), asyncio.Lock()
        self.can_resume_flow, self.stops = asyncio.Event(), False
        self._unacked_messages, self._waits_since = set(), {}
        self._held, self._active, self.fetches = held, set(held), fetches
        self.sought: dict[TP, int] = {}

    @property
    def should_stop(self) -> bool:
        return self.stops

    async def wait(self, *events: Any, **_: Any) -> Any:
        await events[0].wait()

    def resume_flow(self) -> None:
        self.flow_active = True
        self.can_resume_flow.set()

    def assignment(self) -> set[TP]:
        return self._held

    def _get_active_partitions(self) -> set[TP]:
        return self._active

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 1000)

    def highwater(self, tp: TP) -> int:
        return 45

    async def seek_wait(self, positions: Any) -> None:
        self.sought = dict(positions)


class _Store:
    def __init__(self, positions: dict[TP, int | None]) -> None:
        self.positions = positions
        self.sessions: list[int] = []

    async def acquire(self, partitions: Any, session: int) -> dict[TP, int | None]:
        self.sessions.append(session)
        return {tp: self.positions[tp] for tp in partitions}


def _records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset, timestamp=1000, timestamp_type=1) for offset in offsets]


def _stretch(consumer: BatchedConsumer, tp: TP, *offsets: int) -> Stretch:
    """What follows the position, up to the last offset."""
    return Stretch(consumer.session, consumer.positions[tp], offsets[-1] + 1, _records(*offsets))


def _delivered(consumer: BatchedConsumer, tp: TP, *offsets: int) -> Any:
    """A fetched batch as the stream gets it."""
    message = consumer._to_message(tp, consumer._batch(tp, _stretch(consumer, tp, *offsets)))
    message.acked = False
    return message


def _started(positions: dict[TP, int | None]) -> tuple[_Consumer, _Store]:
    store = _Store(positions)
    consumer = _Consumer(set(positions), store, [])
    asyncio.run(consumer.seek_to_committed())
    return consumer, store


def test_reading_begins_where_the_store_says_and_at_the_start_where_it_says_nothing() -> None:
    consumer, store = _started({A: 40, B: None})
    assert consumer.sought == {A: 40, B: 0}
    assert store.sessions == [1]
    asyncio.run(consumer.seek_to_committed())
    assert store.sessions == [1, 2]


def test_positions_are_contiguous_where_offsets_have_gaps() -> None:
    consumer, _ = _started({A: 40})
    first, second = _delivered(consumer, A, 43, 47), _delivered(consumer, A, 60)
    batches: list[FetchedBatch] = [first.value, second.value]
    assert [(batch.first_offset, batch.next_offset) for batch in batches] == [(40, 48), (48, 61)]
    assert consumer.ack(first)
    assert list(consumer._filter_tps_with_pending_acks()) == [A]
    assert consumer._new_offset(A) == 48
    assert consumer._new_offset(A) is None


def test_a_stretch_without_records_moves_the_position_and_the_lag() -> None:
    consumer, _ = _started({A: 40})
    message: Any = consumer._to_message(A, consumer._batch(A, Stretch(1, 40, 45, ())))
    message.acked = False
    assert (message.offset, message.value.next_offset, list(message.value.records)) == (44, 45, [])
    assert consumer.lag() == {A: 5}
    assert consumer.ack(message)
    assert consumer.lag() == {A: 0}
    assert consumer._new_offset(A) == 45


def test_what_was_fetched_before_a_seek_is_dropped_and_a_gap_is_an_error() -> None:
    consumer, _ = _started({A: 40})
    before = _stretch(consumer, A, 40, 41)
    asyncio.run(consumer.seek_to_committed())
    assert consumer._batch(A, before) is None
    assert consumer._batch(B, Stretch(2, 0, 1, _records(0))) is None
    with pytest.raises(GapError, match="from 42, not from 40"):
        consumer._batch(A, Stretch(2, 42, 43, _records(42)))


def test_acks_out_of_order_are_an_error_and_a_second_ack_is_none() -> None:
    consumer, _ = _started({A: 0})
    first, second = _delivered(consumer, A, 0), _delivered(consumer, A, 1)
    with pytest.raises(AckOrderError, match="not at 0"):
        consumer.ack(second)
    assert consumer.ack(first)
    assert not consumer.ack(first)


def test_batches_of_an_older_session_change_nothing() -> None:
    consumer, store = _started({A: 0})
    old = _delivered(consumer, A, 0, 1)
    store.positions[A] = 0
    asyncio.run(consumer.seek_to_committed())
    assert not consumer.ack(old)
    assert consumer._new_offset(A) == 0, "where the store is; a new group would have no offset"
    again = _delivered(consumer, A, 0, 1)
    assert again.value.first_offset == 0
    assert consumer.ack(again)


def test_a_partition_with_enough_unacknowledged_is_left_out_of_the_fetch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = _started({A: 0, B: 0})
    waiting = [_delivered(consumer, A, number) for number in range(MAX_UNACKED)]
    asked: list[set[TP]] = []

    async def fetch(self: Any, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ASYNC109
        asked.append(set(self._active))
        return {B: [_stretch(consumer, B, 5)]}, set(self._active)

    monkeypatch.setattr(BatchedConsumer.__mro__[1], "_wait_next_records", fetch)
    found, _ = asyncio.run(consumer._wait_next_records(1.0))
    assert asked == [{B}]
    assert [batch.next_offset for batch in found[B]] == [6]
    assert consumer._active == {A, B}
    consumer.ack(waiting[0])
    asyncio.run(consumer._wait_next_records(1.0))
    assert asked[-1] == {A, B}


@pytest.mark.parametrize("fetched", ["before the seek", "after the seek"])
def test_what_a_fetch_brings_during_a_rebalance_is_delivered_if_the_seek_was_before(
    monkeypatch: pytest.MonkeyPatch, fetched: str
) -> None:
    """The consumer's thread fetches on while flow is stopped here; what it says it has read is read."""
    consumer, _ = _started({A: 40})

    async def fetch(self: Any, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ASYNC109
        self.flow_active = False
        old = _stretch(consumer, A, 40)
        await consumer.seek_to_committed()
        return {A: [old if fetched == "before the seek" else _stretch(consumer, A, 40)]}, set()

    async def run() -> tuple[Any, Any]:
        fetching = asyncio.create_task(consumer._wait_next_records(1.0))
        await all_wait(fetching)
        assert not fetching.done()
        consumer.resume_flow()
        return await fetching

    monkeypatch.setattr(BatchedConsumer.__mro__[1], "_wait_next_records", fetch)
    found, asked = asyncio.run(run())
    delivered = [] if fetched == "before the seek" else [A]
    assert (list(found), asked) == (delivered, set(delivered))


def test_a_consumer_that_stops_during_a_rebalance_delivers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, _ = _started({A: 40})

    async def fetch(self: Any, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ASYNC109
        self.flow_active, self.stops = False, True
        self.can_resume_flow.set()
        return {A: [_stretch(consumer, A, 40)]}, {A}

    monkeypatch.setattr(BatchedConsumer.__mro__[1], "_wait_next_records", fetch)
    assert asyncio.run(consumer._wait_next_records(1.0)) == (None, set())


def test_a_store_that_does_not_answer_ends_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_stream_processors.transport.ANSWER_S", 0.01)
    crashed: list[BaseException] = []

    class _Silent(_Store):
        async def acquire(self, partitions: Any, session: int) -> dict[TP, int | None]:
            await asyncio.Event().wait()
            return {}

    async def crash(error: BaseException) -> None:
        crashed.append(error)

    consumer = _Consumer({A}, _Silent({A: 0}), [])
    consumer.app.crash = crash  # type: ignore[assignment, method-assign]
    with pytest.raises(PositionStoreError):
        asyncio.run(consumer.seek_to_committed())
    assert isinstance(crashed[0], PositionStoreError)


def test_the_partition_that_waits_longest_is_told_whatever_the_others_do() -> None:
    consumer, _ = _started({A: 0, B: 0})
    assert consumer.waits_since() is None
    _delivered(consumer, A, 0)
    since = consumer.waits_since()
    for offset in range(3):
        assert consumer.ack(_delivered(consumer, B, offset))
    assert consumer.waits_since() == since


def test_when_all_are_full_it_waits_for_an_ack_or_the_time_out() -> None:
    consumer, _ = _started({A: 0})
    waiting = [_delivered(consumer, A, number) for number in range(MAX_UNACKED)]

    async def fetch_while_full() -> tuple[Any, Any]:
        consumer._room = asyncio.Event()
        return await consumer._wait_next_records(0.01)

    assert asyncio.run(fetch_while_full())[0] == {}
    assert len(waiting) == MAX_UNACKED


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param({A: None}, None, id="nothing was read yet"),
        pytest.param({A: 7}, None, id="at the start"),
        pytest.param({A: 20}, None, id="at the end"),
        pytest.param({A: 6}, SetAside("deleted", 6, 7), id="retention was faster"),
        pytest.param({A: 21}, SetAside("cut", 21, 20), id="the log is shorter"),
        pytest.param({}, SetAside("refused", 0, 0), id="the store does not want it"),
    ],
)
def test_a_partition_that_cannot_be_read_from_its_position_is_set_aside(
    stored: dict[TP, int | None], expected: SetAside | None
) -> None:
    assert set_aside(A, stored, 7, 20) == expected


def test_the_others_are_read_while_one_is_set_aside_and_all_wait_while_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = _started({A: 1001, B: 5})
    asked: list[set[TP]] = []

    async def fetch(self: Any, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ASYNC109
        asked.append(set(self._active))
        assert timeout == 1.0, "a partition set aside does not shorten the fetches of the others"
        return {B: [_stretch(consumer, B, 5)]}, set(self._active)

    monkeypatch.setattr(BatchedConsumer.__mro__[1], "_wait_next_records", fetch)
    assert consumer.aside == {A: SetAside("cut", 1001, 1000)}
    assert consumer.sought == {A: 0, B: 5}
    found, _ = asyncio.run(consumer._wait_next_records(1.0))
    assert (asked, list(found)) == ([{B}], [B])
    consumer.held = True
    consumer._room = asyncio.Event()
    assert asyncio.run(consumer._wait_next_records(0.01)) == ({}, set())
    assert asked == [{B}]


def test_what_a_fetch_brings_after_the_hold_is_delivered_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, _ = _started({A: 5})
    fetches: list[int] = []

    async def fetch(self: Any, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ASYNC109
        fetches.append(1)
        consumer.held = True
        return {A: [_stretch(consumer, A, 5)]}, {A}

    monkeypatch.setattr(BatchedConsumer.__mro__[1], "_wait_next_records", fetch)
    assert asyncio.run(consumer._wait_next_records(1.0)) == ({}, set())
    assert asyncio.run(consumer._wait_next_records(0.01)) == ({}, set())
    consumer.held = False
    found, _ = asyncio.run(consumer._wait_next_records(1.0))
    assert ([batch.first_offset for batch in found[A]], len(fetches)) == ([5], 1)


def test_a_partition_goes_on_where_its_loss_was_accepted() -> None:
    consumer, _ = _started({A: 1001, B: 5})
    again: list[tuple[TP, int, int]] = []

    class _Thread:
        async def read_again(self, tp: TP, offset: int, session: int) -> None:
            again.append((tp, offset, session))

    consumer._thread = _Thread()  # type: ignore[assignment]  # all that is called
    assert asyncio.run(consumer.read_again(A, 30))
    assert not asyncio.run(consumer.read_again(A, 30)), "a rebalance may have taken it meanwhile"
    assert (consumer.aside, again, consumer.positions) == ({}, [(A, 30, 1)], {A: 30, B: 5})
    assert consumer.ack(_delivered(consumer, A, 30, 31))
    assert consumer.lag() == {A: 13, B: 40}
