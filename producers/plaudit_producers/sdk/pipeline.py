"""The way of a record to the outbox: validate, hash identities, redact, number and encode it."""

from threading import RLock
from typing import Final

from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.field_types import Source
from plaudit_schemas.contract.keys import conversation_key
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError, PlauditError

from plaudit_producers.errors import ClosedError, DroppedError, RejectedError, UnknownFieldError
from plaudit_producers.sdk.content_policy import ContentPolicy, check_record
from plaudit_producers.sdk.delivery import Delivery, DeliveryCallback, delivery_of
from plaudit_producers.sdk.encoding import encode_within_limit
from plaudit_producers.sdk.outbox import DeliveryReporter, Outbox
from plaudit_producers.sdk.privacy import EventPrivacy

_COUNTED_CONVERSATIONS: Final = 100_000  # bounds the memory of the sequence numbers
_MOST_REPAIRS: Final = 3  # of one event, before it is rejected
_CLOSED: Final = "the producer is closed; make a new one"

PackedEvent = tuple[bytes, bytes]
"""The Kafka key and the encoded bytes of an event."""


class Pipeline:
    """Prepares one producer's events and gives them to one outbox. Thread-safe.

    The events of each conversation are numbered from 0 in the order in which they reach the outbox. A gap
    means that an event was dropped.
    """

    def __init__(
        self,
        outbox: Outbox,
        encoder: EventEncoder,
        reporter: DeliveryReporter,
        *,
        source: Source,
        aspects: Aspects,
        content: ContentPolicy,
        privacy: EventPrivacy,
    ) -> None:
        self.outbox = outbox
        self.reporter = reporter
        self._encode = encoder.encode
        self._source = source
        self._content = content
        self._privacy = privacy
        self._aspects = aspects or None  # most producers have none, and then there is nothing to look at
        # Re-entrant: the in-memory outbox runs callbacks within `offer_event`, and a callback may send.
        self._lock = RLock()
        self._closed = False
        self._producer = new_ulid()
        self._counts: dict[bytes, int] = {}

    def prepare_record(self, record: Record, *, enveloped: bool = False, strict: bool = False) -> Record:
        """Validate a record, or repair it, hash its identities and redact it.

        Args:
            enveloped: everything but the body is already validated, unless it is marked as `Unfit`.
            strict: repair nothing.

        Raises:
            InvalidEventError: the record breaks the contract, before or after redaction.
            AspectError: the record does not fit the declared aspects.
            RedactionError: the `redact` hook failed.
            UnknownFieldError: a keyword is none of this kind of event.
        """
        try:
            check_record(record, enveloped=enveloped)
        except InvalidEventError:
            if strict or not self._content.repairs:
                raise
            self._content.repair(record)
        if self._aspects is not None:
            self._aspects.check(record)
        record = self._privacy.apply(record)
        if "source" not in record:
            record["source"] = self._source
        record["held_ms"] = None  # only whoever sends it can know
        return record

    def offer_record(self, record: Record, on_delivery: DeliveryCallback | None) -> bool:
        """Number and encode a prepared record and give it to the outbox. Returns False if there is no room.

        Raises:
            ClosedError: the producer was closed.
            InvalidEventError: the event does not fit the schema, or is too large.
        """
        for _ in range(_MOST_REPAIRS):
            try:
                return self._offer_once(record, on_delivery)
            except InvalidEventError as error:
                self._content.repair_unsent(record, error)  # without the lock: a callback may send
        return self._offer_once(record, on_delivery)

    def _offer_once(self, record: Record, on_delivery: DeliveryCallback | None) -> bool:
        key = _key_of(record)
        with self._lock:
            if self._closed:
                raise ClosedError(_CLOSED)
            # Encoded under the lock: the bytes hold the number, and numbers must reach the outbox in order.
            number = self._set_number(record, key)
            taken = False
            try:
                payload = encode_within_limit(self._encode, record)
                taken = self.outbox.offer_event(key, payload, on_delivery)
            finally:
                if number is not None and not taken:  # the next attempt gets the number that is current then
                    record["producer"] = record["sequence"] = None
            if number is not None and taken:  # only now: an event that was not taken must leave no gap
                self._counts[key] = number + 1
            self.reporter.accepted += taken
            return taken

    def pack_record(self, record: Record) -> PackedEvent:
        """Encode a prepared record, without giving it a number. Returns its Kafka key and bytes.

        Raises:
            InvalidEventError: the record does not fit the schema, or is too large.
        """
        with self._lock:  # the encoder is not thread-safe
            return _key_of(record), encode_within_limit(self._encode, record)

    def offer_packed(self, packed: PackedEvent, on_delivery: DeliveryCallback | None) -> bool:
        """Give a packed event to the outbox. Returns False if there is no room.

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
        """Count and report a record that found no room. It uses up a number, so that readers see the gap."""
        key = _key_of(record)
        with self._lock:
            number = self._set_number(record, key)
            payload = encode_within_limit(self._encode, record)
            if number is not None:
                self._counts[key] = number + 1
            self.reporter.dropped += 1
        self.reporter.log_failure(
            "dropped", "no room for events: Kafka is unreachable or too slow; events are dropped"
        )
        if on_delivery is not None or self.reporter.on_delivery is not None:
            failure = DroppedError("there was no room for the event, and when_full is drop")
            self.reporter.report(delivery_of(key, payload, failure), on_delivery)

    def reject_record(
        self, record: Record, error: PlauditError, on_delivery: DeliveryCallback | None
    ) -> None:
        """Count and report a record that cannot be sent because of its content. It uses up no number.

        Raises:
            PlauditError: the error itself, if the producer is strict, or the program is to blame.
        """
        if self._content.strict or isinstance(error, UnknownFieldError) or not isinstance(record, dict):
            raise error
        problem = self._content.problems.note_rejection(record, error)
        rejection = RejectedError(f"the event was not sent because of its content: {error}")
        rejection.__cause__ = error
        application = record.get("application")
        delivery = Delivery(
            problem.event_id,
            application if isinstance(application, str) else "",
            problem.conversation_id,
            error=rejection,
        )
        self.reporter.report(delivery, on_delivery)

    def close(self, timeout: float) -> int:
        """Refuse further events and close the outbox. Returns how many events were not delivered."""
        with self._lock:
            if self._closed:
                return 0
            self._closed = True
        return self.outbox.close(timeout)

    def _set_number(self, record: Record, key: bytes) -> int | None:
        """Set producer and sequence, unless the event has its own. The caller holds the lock."""
        if record.get("producer") is not None or record.get("sequence") is not None:
            return None
        number = self._counts.get(key)
        if number is None:
            if len(self._counts) >= _COUNTED_CONVERSATIONS:
                # Numbers may only start over under a new producer id.
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
            "conversation_id holds half a surrogate pair, which UTF-8 cannot encode"
        ) from None
