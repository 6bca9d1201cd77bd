"""From an answer up to the root of its conversation: reads no more than the model is given."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from plaudit_schemas.models.inputs import InputKind, ToolUse, Turn, Turns

from plaudit_stream_processors.scoring.answers import NewAnswer, SkipReason
from plaudit_stream_processors.state.messages import FoundMessages

Entity = dict[str, Any]


class ReadMessages(Protocol):
    """Reads messages of one partition: `application/conversation id` -> ids of messages."""

    async def __call__(self, wanted: Mapping[str, Sequence[str]], found: FoundMessages) -> None: ...


class Path:
    """The messages from an answer upwards, as far as they were read.

    Attributes:
        missing: the id of a message on the way to the root that has not come; empty if there is none.
    """

    def __init__(self, answer: NewAnswer, entity: Entity) -> None:
        self.answer, self.missing = answer, ""
        self._upwards = [entity]
        self._ids = {answer.message_id}

    @property
    def entity(self) -> Entity:
        """The answer."""
        return self._upwards[0]

    @property
    def completed_ms(self) -> int:
        """The broker's time of the record that completed the answer."""
        # Earlier rules of the fold did not keep it.
        return int(self.entity.get("completed_ms", self.answer.arrived_ms))

    @property
    def turns(self) -> Turns:
        """The turns from the topmost message that was read to the answer."""
        return [turn_of(entity) for entity in reversed(self._upwards)]

    def wants(self, kind: InputKind) -> str:
        """The id of the message to read next for a model with this input; empty if nothing is needed."""
        if kind == "answer" or self.missing:
            return ""
        top = self._upwards[-1]
        if kind == "exchange" and len(self._upwards) > 1 and top["role"] == "user":
            return ""
        parent: str = top["parent_id"]
        # Messages that name each other as parents have no root.
        return "" if parent in self._ids else parent

    def add(self, message_id: str, entity: Entity | None) -> None:
        """Add the message that was wanted; None if it has not come."""
        if entity is None:
            self.missing = message_id
            return
        self._ids.add(message_id)
        self._upwards.append(entity)


async def read_ancestors(read: ReadMessages, paths: Sequence[Path], kind: InputKind) -> None:
    """Complete paths as a model with this input needs them, level by level: one read for all at a level.

    Raises:
        BehindError, redis.exceptions.RedisError: as `read` does. A second call goes on.
    """
    found = FoundMessages()
    open_paths = [(path, wanted) for path in paths if (wanted := path.wants(kind))]
    while open_paths:
        missing: dict[str, list[str]] = {}
        for path, message_id in open_paths:
            ids = missing.setdefault(path.answer.key, [])
            if found.find(path.answer.key, message_id) is None and message_id not in ids:
                ids.append(message_id)
        await read({key: ids for key, ids in missing.items() if ids}, found)
        for path, message_id in open_paths:
            path.add(message_id, found.find(path.answer.key, message_id))
        open_paths = [(path, wanted) for path, _ in open_paths if (wanted := path.wants(kind))]


def skip_of(answer: NewAnswer, found: FoundMessages) -> SkipReason | None:
    """Why an answer gets no score, going by what the state holds of it; None if it gets one."""
    entity = found.find(answer.key, answer.message_id)
    if entity is None and answer.misplaced:
        return "refused"
    if entity is None:
        return "erased" if found.is_erased(answer.key) else "no_state"
    if answer.event_id not in entity["events"]:
        return "refused"  # the message was complete already, and came again with other content
    if entity["status"] != "complete":
        return "status"
    return None


def only_calls_tools(entity: Entity, kind: InputKind) -> bool:
    """Whether an answer has no text for people, and the model would see nothing else of it."""
    return kind != "history" and bool(entity.get("tool_calls")) and not entity.get("content", "").strip()


def turn_of(entity: Entity) -> Turn:
    """A message of the state as models take it."""
    calls = [
        ToolUse(call.get("id", ""), call.get("name", ""), call.get("arguments", ""))
        for call in entity.get("tool_calls", ())
    ]
    return Turn(
        entity["role"],
        entity.get("content", ""),
        entity.get("reasoning"),
        calls,
        entity.get("tool_call_id"),
    )
