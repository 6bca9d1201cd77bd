"""Records, states and models for tests of the scorer."""

import math
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.errors import ModelError, ModelInputError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.models.activations import Activation, Activations
from plaudit_schemas.models.inputs import InputKind, Turns
from plaudit_schemas.models.scores import AnswerModel, Score
from plaudit_stream_processors.scoring.answers import NewAnswer
from plaudit_stream_processors.state.messages import BehindError, FoundMessages

PARTITIONS = 4
KEY = "app/chat"
PARTITION = partition_of(KEY.encode(), PARTITIONS)


def message(message_id: str = "a", role: str = "assistant", **fields: Any) -> dict[str, Any]:
    """The body of a message as a sparse decoder gives it."""
    return {"message_id": message_id, "role": role, "content": "Hello.", "status": "complete", **fields}


def record(
    body: Mapping[str, Any],
    *,
    event_id: str = "e",
    offset: int = 0,
    partition: int = PARTITION,
    at_ms: int = 1000,
) -> tuple[KafkaRecord, dict[str, Any]]:
    """A record that brings a message, with its event."""
    event = {
        "event_id": event_id,
        "application": "app",
        "conversation_id": "chat",
        "body": ("plaudit.v1.AddMessage", dict(body)),
    }
    return KafkaRecord(partition, offset, at_ms, KEY.encode(), b""), event


def answer(message_id: str = "a", event_id: str = "e", at_ms: int = 1000) -> NewAnswer:
    return NewAnswer("app", "chat", message_id, event_id, at_ms)


def entity(
    message_id: str = "a",
    parent_id: str = "",
    role: str = "assistant",
    *,
    events: Sequence[str] = ("e",),
    **fields: Any,
) -> dict[str, Any]:
    """A message as the state holds it."""
    made = {**message(message_id, role), "parent_id": parent_id, "events": list(events)}
    return {**made, **fields}


class FakeState:
    """Messages of the conversation KEY, folded up to an offset."""

    def __init__(self, *entities: Mapping[str, Any], folded: int = 100) -> None:
        self.entities = {one["message_id"]: dict(one) for one in entities}
        self.folded, self.erased, self.reads = folded, False, 0

    async def read(
        self, partition: int, offset: int, wanted: Mapping[str, Sequence[str]], found: FoundMessages
    ) -> None:
        self.reads += 1
        if offset > self.folded:
            raise BehindError(f"partition {partition} is folded up to {self.folded}, and {offset} is needed")
        for message_id in wanted.get(KEY, ()):
            if message_id in self.entities:
                found.add(KEY, message_id, self.entities[message_id])
            elif self.erased:
                found.add_erased(KEY)


class FakeModel(AnswerModel):
    """Scores a text by its length in tenths. Fails at what `fails_at` holds, gives NaN for "nan"."""

    def __init__(self, version: str = "1", kind: InputKind = "answer", fails_at: Sequence[str] = ()) -> None:
        self.name, self.version, self.sha256, self.input = "fake", version, sha256_of(version), kind
        self.aspect, self.provider, self.padding = "satisfaction", "CPUExecutionProvider", 0
        self.fails_at, self.closed = fails_at, False
        self.calls: list[list[str]] = []

    def input_of(self, turns: Turns) -> str:
        text = " | ".join(turn.content for turn in turns)
        if "untemplated" in text:
            raise ModelInputError("the template does not take it")
        return text

    def score(self, texts: Sequence[str]) -> list[Score]:
        self.calls.append(list(texts))
        if any(text in self.fails_at for text in texts):
            raise ModelError("out of memory")
        self.padding += 1
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Score:
        number = math.nan if text == "nan" else round(min(1.0, len(text) / 10), 3)
        return Score(number, max(number, 1 - number), number, len(text), cut=len(text) > 20)

    def close(self) -> None:
        self.closed = True


def sha256_of(version: str) -> str:
    return version.rjust(64, "0")


def activation(version: str, active_from_ms: int) -> Activation:
    return Activation(f"id{version}", "fake", version, sha256_of(version), "nowhere", 0, active_from_ms)


class FakeFollower:
    """Knows everything up to `known_ms`, and as much as is asked for after a look."""

    def __init__(self, *activations: Activation, known_ms: int = 10**15) -> None:
        self.activations, self.looks, self._known_ms = Activations(activations), 0, known_ms
        self.may_look = Event()
        self.may_look.set()

    def look(self, seen_ms: int = 0) -> None:
        self.looks += 1
        assert self.may_look.wait(60)
        self._known_ms = max(self._known_ms, seen_ms)

    def knows(self, arrived_ms: int) -> bool:
        return arrived_ms <= self._known_ms
