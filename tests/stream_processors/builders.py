"""Short ways to events for tests of the fold."""

import copy
from hashlib import sha256
from typing import Any

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import RefusedError
from plaudit_stream_processors.fold import ConversationState, Effects, Event, Rules, fold
from plaudit_stream_processors.fold.rules import PAGES_VERSION

T0_MS = 1_790_000_000_000
_ENCODER = Encoder("conversation_event")
_DECODER = Decoder("conversation_event", sparse=True)


def event(
    name: str, body: dict[str, Any] | None = None, *, at: int = 0, event_id: str | None = None
) -> dict[str, Any]:
    """A record as bulk readers see it; `at` is in seconds after T0."""
    record: dict[str, Any] = {
        "event_id": event_id or f"{name}-{at}-{sha256(repr(body).encode()).hexdigest()[:16]}",
        "application": "acme",
        "conversation_id": "c1",
        "occurred_at": T0_MS * 1000 + at * 1_000_000,
        "source": "sdk",
        "body": (f"plaudit.v1.{name}", body or {}),
    }
    return _DECODER.decode(_ENCODER.encode(record))


def start(at: int = 0, **body: Any) -> dict[str, Any]:
    return event("StartConversation", {"model": {"id": "m", "version": "1"}, **body}, at=at)


def message(message_id: str, role: str = "assistant", at: int = 1, **body: Any) -> dict[str, Any]:
    return event(
        "AddMessage",
        {"message_id": message_id, "role": role, "content": f"text of {message_id}", **body},
        at=at,
    )


def feedback(
    message_id: str | None, value: tuple[str, dict[str, Any]] | None, *, at: int = 2, **more: Any
) -> dict[str, Any]:
    kinds = {
        "Thumb": "thumb",
        "Number": "number",
        "Label": "label",
        "Text": "text",
        "Correction": "correction",
    }
    judged: dict[str, Any] = {
        "id": "f",
        "rater": {"id": "u", "kind": "user"},
        "aspect": "satisfaction",
        **more,
    }
    if value is not None:
        judged = {
            "kind": kinds.get(value[0], "signal"),
            **judged,
            "value": (f"plaudit.v1.{value[0]}", value[1]),
        }
        if value[0] == "Signal":
            judged["signal"] = value[1]["name"]
    return event("UpdateMessage", {"message_id": message_id, "feedback": judged}, at=at)


def like(message_id: str | None, liked: bool = True, *, at: int = 2, **more: Any) -> dict[str, Any]:
    return feedback(message_id, ("Thumb", {"like": liked}), at=at, **more)


def end(at: int = 9, reason: str = "closed", **body: Any) -> dict[str, Any]:
    return event("EndConversation", {"reason": reason, **body}, at=at)


class Folded:
    """What a sequence of records comes to; each arrives when it occurred, unless told otherwise."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.state = ConversationState("acme", "c1")
        self.effects = Effects()
        self.rules = rules or Rules()
        self.refused: list[tuple[str, str]] = []
        self.offset = 0
        self._copied = 0

    def add(
        self,
        *records: dict[str, Any],
        arrived_ms: int | None = None,
        first_arrived_ms: int | None = None,
        by_page: bool = False,
    ) -> "Folded":
        for record in records:
            arrival = record["occurred_at"] // 1000 if arrived_ms is None else arrived_ms
            event = Event(
                copy.deepcopy(record), 0, self.offset, arrival, 100,
                version=self.rules.version, first_arrived_ms=first_arrived_ms,
            )  # fmt: skip
            event.by_page = by_page and self.rules.version >= PAGES_VERSION
            try:
                fold(self.state, event, self.effects, self.rules)
            except RefusedError as refused:
                self.refused.append((refused.reason, str(refused)))
            self.offset += 1
            self._copy_emissions()
        return self

    def _copy_emissions(self) -> None:
        """What was finished refers to the state, which the next event may change: keep it as it is now."""
        finished = self.effects.finished
        finished[self._copied :] = [copy.deepcopy(emission) for emission in finished[self._copied :]]
        self._copied = len(finished)

    def cells(self, resolution: str = "10m") -> dict[str, int]:
        """Counters of one resolution, summed over buckets, without the series' name."""
        total: dict[str, int] = {}
        for name, cells in self.effects.counters.by_bucket().items():
            if name.startswith(resolution):
                for cell, amount in cells.items():
                    counter = cell.rpartition(" ")[2]
                    total[counter] = total.get(counter, 0) + amount
        return {counter: amount for counter, amount in total.items() if amount}
