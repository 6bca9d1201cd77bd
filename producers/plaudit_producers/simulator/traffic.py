"""Many simulated chats at once, merged into one stream of events in the order of time."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from plaudit_schemas.codec.wire import Record

from plaudit_producers.importers.ids import DerivedIds
from plaudit_producers.simulator.chat import ChatStep, SimulatedChat
from plaudit_producers.simulator.scenario import Scenario

_TRIED: Final = 300  # chats that are drawn to measure an average chat
_BREAK_S: Final = 5.0  # mean time from the end of a chat to the start of the next one


def simulate(scenario: Scenario, start: int) -> Iterator[tuple[float, Record]]:
    """Yield events in the order of time, as pairs: seconds after the start, and a record for `producer.emit`.

    The same scenario and start give the same events. Another start gives other ids, so that two runs add up.
    This function does not sleep and reads no clock: the caller does that.

    Args:
        start: microseconds since 1970. The time of an event is this plus its seconds.
    """
    return _Traffic(scenario, start).events()


class _OpenChat:
    """An open chat, and the sequence number of its next event."""

    __slots__ = ("chat", "ids", "sequence", "steps")

    def __init__(self, chat: SimulatedChat, ids: DerivedIds) -> None:
        self.chat, self.ids = chat, ids
        self.steps = chat.steps()
        self.sequence = 0


class _Traffic:
    def __init__(self, scenario: Scenario, start: int) -> None:
        self._scenario, self._start = scenario, start
        self._rng = Random(f"{scenario.seed}/traffic")
        self._producer = DerivedIds(start, "simulator", str(scenario.seed), str(start))("producer")
        self._heap: list[tuple[float, int, _OpenChat, ChatStep, bool]] = []
        self._order = count()  # breaks ties in the heap: chats cannot be compared
        self._now = 0.0
        self._begun = 0
        # Simulated seconds per second, so that the open chats together make `rate` events a second.
        events, seconds = _average_chat(scenario)
        self._speed = scenario.rate * seconds / (scenario.open_at_once * events)

    def events(self) -> Iterator[tuple[float, Record]]:
        for _ in range(self._scenario.open_at_once):
            self._begin_chat(self._rng.uniform(0, _BREAK_S))
        end = self._scenario.duration_s
        while self._heap:
            due, _, opened, step, main = heappop(self._heap)
            if end is not None and due >= end:
                return
            self._now = due
            yield due, self._record(opened, step)
            if main:  # a chat's next step is drawn only now, when the shift may already apply
                self._plan_next(opened)

    def _begin_chat(self, after_s: float) -> None:
        scenario = self._scenario
        if scenario.conversations is not None and self._begun >= scenario.conversations:
            return
        self._begun += 1
        ids = DerivedIds(self._start, "simulator", str(scenario.seed), str(self._start), str(self._begun))
        # A generator for each chat, and not of the start: each run has the same chats with new ids.
        rng = Random(f"{scenario.seed}/{self._begun}")
        opened = _OpenChat(
            SimulatedChat(rng, ids, list(scenario.models), self._quality, scenario.feedback), ids
        )
        first = next(opened.steps)
        self._push(opened, ChatStep(after_s, first.body), main=True)

    def _plan_next(self, opened: _OpenChat) -> None:
        step = next(opened.steps, None)
        for later in opened.chat.later:
            self._push(opened, later, main=False)
        opened.chat.later.clear()
        if step is None:
            self._begin_chat(self._rng.uniform(0, 2 * _BREAK_S))
        else:
            self._push(opened, step, main=True)

    def _push(self, opened: _OpenChat, step: ChatStep, *, main: bool) -> None:
        due = self._now + step.after_s / self._speed
        heappush(self._heap, (due, next(self._order), opened, step, main))

    def _quality(self, model: str) -> float:
        scenario = self._scenario
        if scenario.is_shifted(self._now, self._begun):
            return scenario.shifts.get(model, scenario.models[model])
        return scenario.models[model]

    def _record(self, opened: _OpenChat, step: ChatStep) -> Record:
        number = opened.sequence
        opened.sequence += 1
        return {
            "event_id": opened.ids(f"event {number}"),
            "application": self._scenario.application,
            "conversation_id": opened.chat.conversation_id,
            "occurred_at": self._start + round(self._now * 1_000_000),
            "producer": self._producer,
            "sequence": number,
            "source": "sdk",
            "body": step.body,
        }


def _average_chat(scenario: Scenario) -> tuple[float, float]:
    """Return the mean number of events and of seconds of a chat, measured on a sample."""
    events, seconds = 0, 0.0
    for number in range(_TRIED):
        ids = DerivedIds(0, str(number))
        chat = SimulatedChat(
            Random(number), ids, list(scenario.models), scenario.models.__getitem__, scenario.feedback
        )
        for step in chat.steps():
            events += 1
            seconds += step.after_s
        events += len(chat.later)
        seconds += _BREAK_S
    return events / _TRIED, seconds / _TRIED
