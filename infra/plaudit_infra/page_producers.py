"""Producers for the events that people send from pages of the console."""

from typing import Final

from plaudit_producers import AsyncConversation, AsyncFeedbackProducer, IdentityHash
from plaudit_schemas.settings.connection import ConnectionSettings

DELIVERY_S: Final = 20.0


class PageProducers:
    """A producer for each application, made when it is first needed."""

    def __init__(self, connection: ConnectionSettings, identity: IdentityHash | None = None) -> None:
        """Connects to nothing yet. `identity` hashes the ids of raters."""
        self._connection, self._identity = connection, identity
        self._producers: dict[str, AsyncFeedbackProducer] = {}

    def conversation(self, application: str, conversation_id: str) -> AsyncConversation:
        """The handle of a conversation. Its events are of source `review`.

        Raises:
            PlauditError: the id is none.
        """
        if application not in self._producers:
            self._producers[application] = AsyncFeedbackProducer(
                application,
                connection=self._connection,
                identity=self._identity,
                source="review",
                strict=True,
                delivery_timeout_s=DELIVERY_S,
            )
        return self._producers[application].conversation(conversation_id)

    async def close(self) -> None:
        """Wait for what is on its way, and disconnect."""
        for producer in self._producers.values():
            await producer.close(5.0)
