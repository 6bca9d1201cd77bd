"""What an in-memory producer holds of the chats that integrations recorded."""

from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import AddMessage, ConversationEvent, EndConversation, StartConversation


def recorded(producer: InMemoryProducer, conversation_id: str | None = None) -> list[AddMessage]:
    """The messages that were recorded, of one conversation or of all, each once."""
    found = {
        event.body.message_id: event.body
        for event in producer.events
        if isinstance(event.body, AddMessage) and conversation_id in (None, event.conversation_id)
    }
    return list(found.values())


def lines(producer: InMemoryProducer, conversation_id: str | None = None) -> list[str]:
    """The messages as `role: content`."""
    return [f"{message.role}: {message.content}" for message in recorded(producer, conversation_id)]


def conversations(producer: InMemoryProducer) -> list[str]:
    """The conversations that were started, in order."""
    return list(dict.fromkeys(event.conversation_id for event in _of(producer, StartConversation)))


def ended(producer: InMemoryProducer) -> list[str]:
    """The conversations that were ended, in order."""
    return [event.conversation_id for event in _of(producer, EndConversation)]


def _of(producer: InMemoryProducer, kind: type) -> list[ConversationEvent]:
    return [event for event in producer.events if isinstance(event.body, kind)]
