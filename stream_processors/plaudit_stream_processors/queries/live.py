"""One conversation as it is now: the entry point `conversation` of `plaudit.readers`."""

import time
from typing import Any, Final

from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.service.recorded_line import partitions_key
from plaudit_schemas.service.redis import connect, execute
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_stream_processors.fold import ConversationState, RulesHistory
from plaudit_stream_processors.queries.answering import answering
from plaudit_stream_processors.queries.display import document_of
from plaudit_stream_processors.state.store import ConversationStore

_TIMEOUT_S: Final = 5.0
_PARTITIONS_KNOWN_S: Final = 10.0


class LiveReader:
    """Reads live conversations, from Redis alone, in one event loop. Connects at the first call."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._topic = connection.topic_prefix + EVENTS
        self._prefix = connection.redis_prefix
        self._client = connect(connection.redis_url.get_secret_value(), timeout_s=_TIMEOUT_S)
        # A reader commits nothing, so the retention does not matter.
        self._store = ConversationStore(self._client, prefix=self._prefix, state_retention_ms=0)
        self._partitions, self._asked_at = 0, float("-inf")

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        """One conversation as the object that `plaudit conversation --json` prints.

        Raises: as `state_of` does.
        """
        return document_of(await self.state_of(application, conversation_id))

    async def state_of(self, application: str, conversation_id: str) -> ConversationState:
        """The state as the worker last committed it.

        Raises:
            NotFoundError: there is no such conversation, or no worker ever ran here.
            ServiceUnavailableError: Redis does not answer.
        """
        with answering():
            partition = await self._partition(application, conversation_id)
            if partition is None:
                raise NotFoundError("no worker has folded a conversation here yet; start `plaudit worker`")
            return await self._store.get_conversation(application, conversation_id, partition)

    async def rules_history(self, application: str, conversation_id: str) -> RulesHistory:
        """Which rules folded the conversation's partition, from which offset on.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        with answering():
            partition = await self._partition(application, conversation_id)
            return RulesHistory() if partition is None else await self._store.rules_history(partition)

    async def _partition(self, application: str, conversation_id: str) -> int | None:
        """The partition of a conversation; None before any worker ran here."""
        now = time.monotonic()
        # Only a reset of the state changes the number.
        if not self._partitions or now - self._asked_at > _PARTITIONS_KNOWN_S:
            recorded = await execute(self._client, "HGET", partitions_key(self._prefix), self._topic)
            if recorded is None:
                return None
            self._partitions, self._asked_at = int(recorded), now
        return partition_of(conversation_key(application, conversation_id), self._partitions)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
