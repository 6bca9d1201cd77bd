"""Whole conversations, for programs that follow the worker."""

from collections.abc import Sequence
from typing import Any, Final

from plaudit_schemas.service.redis import RedisClient, Script

from plaudit_stream_processors.fold import ConversationState, RulesHistory
from plaudit_stream_processors.state.hashes import HashReader
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.messages import refuse_behind
from plaudit_stream_processors.state.store import ConversationStore

_AT_ONCE: Final = 64  # conversations in one script call; Redis serves nobody else meanwhile


class FoldedReader:
    """Reads conversations of a partition that is folded up to an offset."""

    def __init__(self, client: RedisClient, prefix: str) -> None:
        """Connects on first use."""
        self._client, self._prefix = client, prefix
        self._script = Script("plaudit_stream_processors.state", "read_folded", shared="hashes")
        self._hashes = HashReader(client, at_once=_AT_ONCE)
        # A reader commits nothing, so the retention does not matter.
        self._store = ConversationStore(client, prefix=prefix, state_retention_ms=0)

    async def rules_history(self, partition: int) -> RulesHistory:
        """As `ConversationStore.rules_history`."""
        return await self._store.rules_history(partition)

    async def read(self, partition: int, offset: int, keys: Sequence[str]) -> dict[str, ConversationState]:
        """The conversations of these keys that exist.

        Args:
            offset: the position that the partition must have reached. It is compared in the same step as the
                conversations are read, so that a Redis that was emptied meanwhile does not look like one
                without them.

        Raises:
            BehindError: the partition has not reached the offset.
            redis.exceptions.RedisError: Redis did not answer.
        """
        names = partition_keys(self._prefix, partition)

        async def load(chunk: Sequence[str]) -> Sequence[Any]:
            outcome, *hashes = await self._script(
                self._client, [names.position, *(names.conversation + key for key in chunk)], [offset]
            )
            refuse_behind(outcome, hashes, partition, offset)
            return list(hashes)

        return await self._hashes.read(keys, names.conversation, load)
