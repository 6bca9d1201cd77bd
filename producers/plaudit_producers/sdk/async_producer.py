"""`AsyncFeedbackProducer`, for asyncio."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Self, Unpack

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import ConversationEvent
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import RedactionError
from plaudit_producers.sdk.base import ProducerBase, no_room
from plaudit_producers.sdk.bodies import StartOptions, start_body, take_event_options
from plaudit_producers.sdk.conversation import AsyncConversation
from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.event_record import event_record
from plaudit_producers.sdk.message import MessageHandle

# A full buffer is polled, with growing pauses: waiting on a condition would block the event loop.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.001, 0.05


class AsyncFeedbackProducer(ProducerBase):
    """A `FeedbackProducer` for asyncio. Use it from one event loop at a time.

    Waiting for room, `flush` and `close` do not block the event loop. With a spool, each event is written to
    the page cache on the loop's thread. With `spool_sync="always"` the event loop also blocks for an fsync.

    The events of a conversation are sent in the order in which its calls are awaited. Callbacks usually
    run on the producer's own thread. To wait in a coroutine, pass a DeliveryFuture and await it.
    """

    async def start_conversation(
        self, conversation_id: str | None = None, **fields: Unpack[StartOptions]
    ) -> AsyncConversation:
        """See `FeedbackProducer.start_conversation`."""
        given: dict[str, Any] = {**fields}
        options = take_event_options(given)
        chat = self.conversation(self._new_conversation_id(conversation_id))
        record = event_record(chat.application, chat.conversation_id, start_body(given), options)
        await self.emit(record, options.get("on_delivery"), enveloped=True)
        return chat

    def conversation(self, conversation_id: str) -> AsyncConversation:
        """Return the handle of a conversation that was started earlier, in any process. Sends nothing."""
        checked = self._conversation_id(conversation_id)
        return AsyncConversation(self, self.application, checked, self.options.message_ids)

    def message(self, message_id: str) -> MessageHandle[Awaitable[str]]:
        """See `FeedbackProducer.message`."""
        return MessageHandle(self.conversation(self._carried_conversation(message_id)), message_id)

    async def send(self, event: ConversationEvent, on_delivery: DeliveryCallback | None = None) -> str:
        """See `FeedbackProducer.send`."""
        await self.emit(event.to_record(), on_delivery)
        return event.event_id

    async def emit(
        self, record: Record, on_delivery: DeliveryCallback | None = None, *, enveloped: bool = False
    ) -> None:
        """See `FeedbackProducer.emit`."""
        try:
            await self._emit(record, on_delivery, enveloped)
        except (InvalidEventError, RedactionError) as error:
            self._pipeline.reject_record(record, error, on_delivery)

    async def start(self) -> None:
        """See `FeedbackProducer.start`."""
        self._pipeline.outbox.start()

    async def flush(self, timeout: float = 30.0) -> int:  # noqa: ASYNC109  # it returns a number, no error
        """See `FeedbackProducer.flush`."""
        return await asyncio.to_thread(self._pipeline.outbox.flush, timeout)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  # as `flush`
        """See `FeedbackProducer.close`."""
        return await asyncio.to_thread(self._close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _emit(self, record: Record, on_delivery: DeliveryCallback | None, enveloped: bool) -> None:
        pipeline = self._pipeline
        prepared = pipeline.prepare_record(record, enveloped=enveloped)
        if pipeline.offer_record(prepared, on_delivery):
            return
        if self.options.when_full == "drop":
            pipeline.drop_record(prepared, on_delivery)
            return
        if self.options.when_full == "block":
            try:
                async with asyncio.timeout(self.options.block_timeout_s):
                    await self._offer_until_taken(prepared, on_delivery)
            except TimeoutError:
                pass
            else:
                return
        raise no_room()

    async def _offer_until_taken(self, record: Record, on_delivery: DeliveryCallback | None) -> None:
        wait = _FIRST_WAIT_S
        while not self._pipeline.offer_record(record, on_delivery):
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
