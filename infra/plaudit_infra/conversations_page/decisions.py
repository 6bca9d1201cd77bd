"""What people do to conversations from the page, as events and publications."""

from typing import Final

from plaudit_producers import DeliveryFuture
from plaudit_schemas.contract.limits import ID_CHARACTERS

from plaudit_infra.page_producers import PageProducers

_REMEMBERED: Final = 100_000


class ConversationDecisions:
    """Corrects answers and erases conversations. Each call returns once Kafka has the event.

    Both methods raise DeliveryError, and PlauditError if the event cannot be made.
    """

    def __init__(self, producers: PageProducers) -> None:
        self._producers = producers
        # Until the worker has folded it, only this process knows what it has erased.
        self._erased: dict[tuple[str, str], None] = {}

    def is_erased(self, application: str, conversation_id: str) -> bool:
        """Whether it was erased here since the console was started."""
        return (application, conversation_id) in self._erased

    async def correct(
        self, application: str, conversation_id: str, message_id: str, content: str, person: str
    ) -> None:
        """Say what an answer should have been."""
        delivery = DeliveryFuture()
        chat = self._producers.conversation(application, conversation_id)
        rater = {"kind": "reviewer", "id": person[:ID_CHARACTERS]}
        await chat.correct(message_id, content, rater=rater, on_delivery=delivery)
        await delivery

    async def erase(self, application: str, conversation_id: str, reason: str) -> None:
        """Erase a conversation for good."""
        delivery = DeliveryFuture()
        await self._producers.conversation(application, conversation_id).erase(reason, on_delivery=delivery)
        await delivery
        self._erased[application, conversation_id] = None
        while len(self._erased) > _REMEMBERED:
            del self._erased[next(iter(self._erased))]
