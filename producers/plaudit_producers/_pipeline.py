"""From a record to the outbox: validate, hash, redact, count, encode."""

from copy import deepcopy
from threading import RLock

from plaudit_schemas.codec import Record
from plaudit_schemas.errors import EncodingError, InvalidEventError, PlauditError
from plaudit_schemas.events import Source
from plaudit_schemas.keys import conversation_key

from plaudit_producers._delivery import DeliveryCallback, describe
from plaudit_producers._encode import EventEncoder
from plaudit_producers._identity import IdentityHash
from plaudit_producers._ids import new_id
from plaudit_producers._options import EVENT_BYTES
from plaudit_producers._outbox import Outbox, Reporter
from plaudit_producers._redact import Redact
from plaudit_producers._validate import validate, validate_body
from plaudit_producers.errors import ClosedError, DroppedError, RedactionError

_COUNTED_CONVERSATIONS = 100_000

Packed = tuple[bytes, bytes]
"""Key and bytes of an event."""


class Pipeline:
    """One producer's events on their way to one outbox. Safe for threads."""

    def __init__(
        self,
        outbox: Outbox,
        encoder: EventEncoder,
        reporter: Reporter,
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
        self._producer = new_id()
        self._counts: dict[bytes, int] = {}

    def prepare(self, record: Record, *, enveloped: bool = False) -> Record:
        """Validate a record and make it fit to leave the process; `enveloped`: but the body was checked.

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
                record = self._redacted(self._redact, record)
        if "source" not in record:
            record["source"] = self._source
        return record

    def offer(self, record: Record, on_delivery: DeliveryCallback | None) -> bool:
        """Give a prepared record its number and hand it over; False where there is no room.

        Raises:
            ClosedError: the producer was closed.
            InvalidEventError: the encoded event is too large.
        """
        key = _key(record)
        with self._lock:
            if self._closed:
                raise ClosedError("the producer is closed; make a new one")
            number = self._number(record, key)
            payload = self._encoded(record)
            if not self.outbox.offer(key, payload, on_delivery):
                if number is not None:
                    record["producer"] = record["sequence"] = None
                return False
            if number is not None:
                self._counts[key] = number + 1
            self.reporter.accepted += 1
            return True

    def pack(self, record: Record) -> Packed:
        """The key and bytes of a prepared record, whose numbers stay as they are.

        Raises:
            InvalidEventError: it does not fit the schema, or is too large.
        """
        with self._lock:
            return _key(record), self._encoded(record)

    def offer_packed(self, packed: Packed, on_delivery: DeliveryCallback | None) -> bool:
        """Hand an event over; False where there is no room.

        Raises:
            ClosedError: the producer was closed.
        """
        with self._lock:
            if self._closed:
                raise ClosedError("the producer is closed; make a new one")
            taken = self.outbox.offer(*packed, on_delivery)
            self.reporter.accepted += taken
            return taken

    def drop(self, record: Record, on_delivery: DeliveryCallback | None) -> None:
        """Count a prepared record that found no room; its missing number lets readers see the gap."""
        key = _key(record)
        with self._lock:
            number = self._number(record, key)
            payload = self._encoded(record)
            if number is not None:
                self._counts[key] = number + 1
            self.reporter.dropped += 1
        self.reporter.warn("dropped", "no room for events: Kafka is away or too slow; they are dropped")
        if on_delivery is not None or self.reporter.on_delivery is not None:
            failure = DroppedError("there was no room for the event, and when_full is drop")
            self.reporter.tell(describe(key, payload, failure), on_delivery)

    def close(self, timeout: float) -> int:
        """Refuse further events and close the outbox; the number that was not delivered."""
        with self._lock:
            if self._closed:
                return 0
            self._closed = True
        return self.outbox.close(timeout)

    def _number(self, record: Record, key: bytes) -> int | None:
        """Set producer and sequence, unless the event brings its own; under the lock."""
        if record.get("producer") is not None or record.get("sequence") is not None:
            return None
        number = self._counts.get(key)
        if number is None:
            if len(self._counts) >= _COUNTED_CONVERSATIONS:
                # Counts may begin anew under a new id, and only there.
                self._counts.clear()
                self._producer = new_id()
            number = 0
        record["producer"], record["sequence"] = self._producer, number
        return number

    def _encoded(self, record: Record) -> bytes:
        try:
            payload = self._encode(record)
        except EncodingError as error:
            raise InvalidEventError(str(error)) from error
        if len(payload) > EVENT_BYTES:
            raise InvalidEventError(
                f"the event takes {len(payload)} bytes, more than {EVENT_BYTES}; send long texts by reference"
            )
        return payload

    def _redacted(self, redact: Redact, record: Record) -> Record:
        try:
            record = redact(record)
        except PlauditError:
            raise
        except Exception as error:
            raise RedactionError(
                f"the redact hook raised {type(error).__name__}; the event was not sent"
            ) from error
        validate(record)
        return record


def _key(record: Record) -> bytes:
    try:
        return conversation_key(record["application"], record["conversation_id"])
    except UnicodeEncodeError:
        raise InvalidEventError(
            "conversation_id holds half a surrogate pair, which no UTF-8 can hold"
        ) from None
