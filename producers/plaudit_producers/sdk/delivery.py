"""The outcome of an event: Delivery, and the callbacks and futures that receive it."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from plaudit_schemas.codec.held import event_id_of
from plaudit_schemas.contract.keys import split_key

from plaudit_producers.errors import DeliveryError


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one event: its partition and offset in Kafka, or an error.

    An event with a `SpooledError` is not lost: it stays in the spool.
    """

    event_id: str
    application: str
    conversation_id: str
    partition: int | None = None
    offset: int | None = None
    error: DeliveryError | None = None


DeliveryCallback = Callable[[Delivery], None]
"""Called once for each event, usually on the producer's own thread.

During `flush` and `close` it may also run on the thread that called them. Two calls may then overlap, and
come in another order than the events are in Kafka; `Delivery.offset` tells that order.

A callback must be quick and must not block. It must not call `flush` or `close`, which wait for that thread.
An exception that it raises is logged and otherwise ignored."""


class DeliveryFuture(Future[Delivery]):
    """A future to pass as `on_delivery`. `result(timeout)` blocks the thread; `await` does not.

    Both return the Delivery once Kafka has acknowledged the event, or raise its DeliveryError.
    """

    def __call__(self, delivery: Delivery) -> None:
        if delivery.error is None:
            self.set_result(delivery)
        else:
            self.set_exception(delivery.error)

    def __await__(self) -> Generator[Any, None, Delivery]:
        return asyncio.wrap_future(self).__await__()


def delivery_of(
    key: bytes,
    payload: bytes,
    error: DeliveryError | None = None,
    *,
    partition: int | None = None,
    offset: int | None = None,
) -> Delivery:
    """Build the Delivery of a Kafka record from its key and payload."""
    application, conversation_id = split_key(key)
    # The event id is the schema's first field, so the event need not be decoded.
    return Delivery(event_id_of(payload), application, conversation_id, partition, offset, error)
