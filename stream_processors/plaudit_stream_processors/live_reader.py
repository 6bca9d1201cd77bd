"""Live conversations for programs that serve them: the entry point `conversation` of `plaudit.readers`."""

from typing import Any

from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_schemas.keys import conversation_key, partition_of
from plaudit_schemas.topics import EVENTS
from redis.exceptions import RedisError

from plaudit_stream_processors.reading import document
from plaudit_stream_processors.state.client import connect, execute
from plaudit_stream_processors.state.keys import partitions_key
from plaudit_stream_processors.state.store import ConversationStore

_TIMEOUT_S = 5.0


class LiveReader:
    """Reads Redis alone; for one event loop. Nothing connects before the first `get`."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._topic = connection.topic_prefix + EVENTS
        self._prefix = connection.redis_prefix
        self._client = connect(connection.redis_url.get_secret_value(), timeout_s=_TIMEOUT_S)
        self._store = ConversationStore(self._client, prefix=self._prefix, state_retention_ms=0)

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        """One conversation as the worker has it, as `plaudit conversation --json` shows it.

        Raises:
            NotFoundError: there is none, or no worker ever ran here.
            ServiceUnavailableError: Redis does not answer.
        """
        try:
            recorded = await execute(self._client, "HGET", partitions_key(self._prefix), self._topic)
            if recorded is None:
                raise NotFoundError("no worker has folded a conversation here yet; start `plaudit worker`")
            partition = partition_of(conversation_key(application, conversation_id), int(recorded))
            return document(await self._store.get(application, conversation_id, partition))
        except (RedisError, OSError) as error:
            raise ServiceUnavailableError(
                f"Redis does not answer ({type(error).__name__}); try again later"
            ) from None

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
