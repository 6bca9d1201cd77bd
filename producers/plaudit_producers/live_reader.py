"""Reads conversations as the workers have them, if a member that can is installed."""

from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from plaudit_schemas.settings.connection import ConnectionSettings

READERS: Final = "plaudit.readers"
"""An entry point group. Its `conversation` is a function (ConnectionSettings) -> ConversationReader."""


class ConversationReader(Protocol):
    """Reads live conversations. A member offers one in the entry point group `plaudit.readers`."""

    async def get(self, application: str, conversation_id: str) -> dict[str, Any]:
        """One conversation, as an object that can be dumped as JSON.

        Raises:
            NotFoundError: there is no such conversation.
            ServiceUnavailableError: Redis does not answer.
        """

    async def aclose(self) -> None:
        """Close the connections."""


def installed_reader(connection: ConnectionSettings) -> ConversationReader | None:
    """The reader of the member that offers one; None if there is none."""
    for point in entry_points(group=READERS, name="conversation"):
        reader: ConversationReader = point.load()(connection)
        return reader
    return None
