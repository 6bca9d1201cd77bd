"""From a record to the outbox: validate, hash identities, redact, number, encode."""

from copy import deepcopy
from threading import RLock
from typing import Final

from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import Source
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.records import validate, validate_body
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import ClosedError, DroppedError
from plaudit_producers.sdk.delivery import DeliveryCallback, delivery_of
from plaudit_producers.sdk.encoding import encode_within_limit
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.outbox import DeliveryReporter, Outbox
from plaudit_producers.sdk.redact import Redact, apply_redact

_COUNTED_CONVERSATIONS: Final = 100_000
_CLOSED: Final = "the producer is closed; make a new one"

PackedEvent = tuple[bytes, bytes]
"""Kafka key and encoded bytes of an event."""


class Pipeline:
    """One producer's events on their way to one outbox. Safe for threads.

    The events of a conversation that reach the outbox are numbered from 0, with a gap only where one was
    dropped.
    """

    def __init__(
        self,
        outbox: Outbox,
        encoder: EventEncoder,
        reporter: DeliveryReporter,
        *,
        source: Source,
        identity: IdentityHash | None,
        redact: Redact | None,
    ) -> None:
        self.outbox = outbox
        self.reporter = reporter
        self._encode = encoder.encode
        self._source = source
        self._identity = identity
        self._redact = redact
        self._lock = RLock()
        self._closed = False
        self._producer = new_ulid()
        self._counts: dict[bytes, int] = {}

    def prepare_record(self, record: Record, *, enveloped: bool = False) -> Record:
        """Validate a record and make it fit to leave the process.

        Args:
            enveloped: all but the body was checked before.

        Raises:
            InvalidEventError, RedactionError
        """
        if enveloped:
            validate_body(record["body"])
        else:
            validate(record)
        if self._identity is not None or self._redact is not None:
            record = deepcopy(record)
            if self._identity is not None:
                self._identity.apply(record)
            if self._redact is not None:
                record = apply_redact(self._redact, record)
        if "source" not in record:
            record["source"] = self._source
        return record

    def offer_record(self, record: Record, on_delivery: DeliveryCallback | None) -> bool:
        """Give a prepared record its number and hand it over; False where there is no room.

        Raises:
            ClosedError: the producer was closed.
            InvalidEventError: the encoded event is too large.
        """
        key = _key_of(record)
        with self._lock:
            if self._closed:
                raise ClosedError(_CLOSED)
            number = self._set_number(record, key)
            payload = encode_within_limit(self._encode, record)
            if not self.outbox.offer_event(key, payload, on_delivery):
                if number is not None:
                    record["producer"] = record["sequence"] = None
                return False
            if number is not None:
                self._counts[key] = number + 1
            self.reporter.accepted += 1
            return True

    def pack_record(self, record: Record) -> PackedEvent:
        """The key and bytes of a prepared record, whose numbers stay as they are.

        Raises:
            InvalidEventError: it does not fit the schema, or is too large.
        """
        with self._lock:
            return _key_of(record), encode_within_limit(self._encode, record)

    def offer_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None) -> bool:
        """Hand a packed event over; False where there is no room.

        Raises:
            ClosedError: the producer was closed.
        """
        with self._lock:
            if self._closed:
                raise ClosedError(_CLOSED)
            taken = self.outbox.offer_event(*packed, on_delivery)
            self.reporter.accepted += taken
            return taken

    def drop_record(self, record: Record, on_delivery: DeliveryCallback | None) -> None:
        """Count a prepared record that found no room. It uses up its number, so that readers see the gap."""
        key = _key_of(record)
        with self._lock:
            number = self._set_number(record, key)
            payload = encode_within_limit(self._encode, record)
            if number is not None:
                self._counts[key] = number + 1
            self.reporter.dropped += 1
        self.reporter.log_failure(
            "dropped", "no room for events: Kafka is away or too slow; they are dropped"
        )
        if on_delivery is not None or self.reporter.on_delivery is not None:
            failure = DroppedError("there was no room for the event, and when_full is drop")
            self.reporter.report(delivery_of(key, payload, failure), on_delivery)

    def close(self, timeout: float) -> int:
        """Refuse further events and close the outbox; the number that was not delivered."""
        with self._lock:
            if self._closed:
                return 0
            self._closed = True
        return self.outbox.close(timeout)

    def _set_number(self, record: Record, key: bytes) -> int | None:
        """Set producer and sequence, unless the event brings its own; under the lock."""
        if record.get("producer") is not None or record.get("sequence") is not None:
            return None
        number = self._counts.get(key)
        if number is None:
            if len(self._counts) >= _COUNTED_CONVERSATIONS:
                # Numbers may begin anew under a new producer id, and only there.
                self._counts.clear()
                self._producer = new_ulid()
            number = 0
        record["producer"], record["sequence"] = self._producer, number
        return number


def _key_of(record: Record) -> bytes:
    try:
        return conversation_key(record["application"], record["conversation_id"])
    except UnicodeEncodeError:
        raise InvalidEventError(
            "conversation_id holds half a surrogate pair, which no UTF-8 can hold"
        ) from None
