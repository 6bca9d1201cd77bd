"""What became of an event, for callbacks and futures."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.varint import read_size
from plaudit_schemas.contract.keys import split_key

from plaudit_producers.errors import DeliveryError


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event: it is in Kafka at a partition and offset, or there is an error.

    After a `SpooledError` the event is not lost: it stays in the spool.
    """

    event_id: str
    application: str
    conversation_id: str
    partition: int | None = None
    offset: int | None = None
    error: DeliveryError | None = None


DeliveryCallback = Callable[[Delivery], None]
"""Called once for each event, on the producer's own thread. It must be quick and not block, and it must not
call `flush` or `close`, which wait for that thread. What it raises is logged."""


class DeliveryFuture(Future[Delivery]):
    """A future to pass as `on_delivery`; `result(timeout)` blocks, `await` does not.

    Either gives the Delivery once Kafka has acknowledged, or raises its DeliveryError.
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
    """The Delivery of a Kafka record. Its event id is the first field of the payload."""
    application, conversation_id = split_key(key)
    size, start = read_size(payload, HEADER_BYTES)
    return Delivery(
        payload[start : start + size].decode(), application, conversation_id, partition, offset, error
    )
