"""Many chats at once: which opened goes on next, and when."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from plaudit_schemas.codec.wire import Record

from plaudit_producers.importers.ids import DerivedIds
from plaudit_producers.simulator.chat import ChatStep, SimulatedChat
from plaudit_producers.simulator.scenario import Scenario

_TRIED: Final = 300
_BREAK_S: Final = 5.0


def simulate(scenario: Scenario, start: int) -> Iterator[tuple[float, Record]]:
    """Events in the order of their time: seconds after the start, and the record for `producer.emit`.

    The same scenario and start give the same events. Another start gives other ids, so that two runs add up.
    Nothing sleeps here and no clock is read: the caller keeps the time.

    Args:
        start: microseconds since 1970; an event occurs at this plus its seconds.
    """
    return _Traffic(scenario, start).events()


class _OpenChat:
    """A chat that goes on, with the number of its next event."""

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
        self._order = count()
        self._now = 0.0
        self._begun = 0
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
            if main:
                self._plan_next(opened)

    def _begin_chat(self, after_s: float) -> None:
        scenario = self._scenario
        if scenario.conversations is not None and self._begun >= scenario.conversations:
            return
        self._begun += 1
        ids = DerivedIds(self._start, "simulator", str(scenario.seed), str(self._start), str(self._begun))
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
    """Events and seconds of a chat on average, measured on some of them."""
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
