"""Single messages of conversations, for programs that follow the worker."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from plaudit_schemas.service.redis import Argument, RedisClient, Script

from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import StateError

_PROGRESS: Final = "progress"

Entity = dict[str, Any]


class BehindError(StateError):
    """The partition is not folded far enough yet; the same read may be made again later."""


class FoundMessages:
    """The messages that were asked for, of conversations of one partition."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], Entity] = {}
        self._erased: set[str] = set()

    def find(self, key: str, message_id: str) -> Entity | None:
        """A message of the conversation with this key; None if there is none."""
        return self._messages.get((key, message_id))

    def is_erased(self, key: str) -> bool:
        """Whether the conversation with this key was erased."""
        return key in self._erased

    def add(self, key: str, message_id: str, entity: Entity) -> None:
        """Add a message."""
        self._messages[key, message_id] = entity

    def add_erased(self, key: str) -> None:
        """Note that a conversation was erased."""
        self._erased.add(key)


class MessageReader:
    """Reads messages, and nothing else of their conversations."""

    def __init__(self, client: RedisClient, prefix: str) -> None:
        """Connects on first use."""
        self._client, self._prefix = client, prefix
        self._script = Script("plaudit_stream_processors.state", "read_messages")

    async def read(
        self, partition: int, offset: int, wanted: Mapping[str, Sequence[str]], found: FoundMessages
    ) -> None:
        """Read messages in one round trip, and add them to `found`.

        Args:
            offset: the position that the partition must have reached. It is compared in the same step as the
                messages are read, so that a Redis that was emptied meanwhile does not look like one without
                these conversations.
            wanted: `application/conversation id` -> ids of messages.

        Raises:
            BehindError: the partition has not reached the offset.
            redis.exceptions.RedisError: Redis did not answer.
        """
        names = partition_keys(self._prefix, partition)
        arguments: list[Argument] = [offset]
        for ids in wanted.values():
            arguments += (len(ids) + 1, _PROGRESS, *(f"message:{message_id}" for message_id in ids))
        keys = [names.position, *(names.conversation + key for key in wanted)]
        outcome, *answers = await self._script(self._client, keys, arguments)
        refuse_behind(outcome, answers, partition, offset)
        for (key, ids), (progress, *messages) in zip(wanted.items(), answers, strict=True):
            if progress is not None and None in messages and orjson.loads(progress).get("erased"):
                found.add_erased(key)
            for message_id, message in zip(ids, messages, strict=True):
                if message is not None:
                    found.add(key, message_id, orjson.loads(message))


def refuse_behind(outcome: bytes, answers: Sequence[Any], partition: int, offset: int) -> None:
    """Refuse what a script answered for a partition that is not folded far enough.

    Args:
        answers: after `behind`, the position that was reached.

    Raises:
        BehindError: it is not.
    """
    if outcome != b"ok":
        reached = answers[0].decode() or "nothing"
        raise BehindError(f"partition {partition} is folded up to {reached}, and {offset} is needed")
