"""What the handles of conversations use of a producer."""

from typing import Any, Protocol

from plaudit_schemas.codec.wire import Record

from plaudit_producers.sdk.delivery import DeliveryCallback


class EventEmitter(Protocol):
    """The part of a producer that a handle uses."""

    def emit(self, record: Record, on_delivery: DeliveryCallback | None, *, enveloped: bool) -> None: ...
    def own_id(self, value: Any, field: str) -> Any: ...


class AsyncEventEmitter(Protocol):
    """The part of an asyncio producer that a handle uses."""

    async def emit(
        self, record: Record, on_delivery: DeliveryCallback | None, *, enveloped: bool
    ) -> None: ...
    def own_id(self, value: Any, field: str) -> Any: ...
