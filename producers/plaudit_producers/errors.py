"""Errors of the SDK.

PlauditError
├── InvalidEventError     an event breaks a limit or a rule (plaudit_schemas.errors); nothing was sent
└── ProducerError
    ├── BufferFullError   there is no room, now or for as long as `when_full` blocks; nothing was sent
    ├── ClosedError       the producer was closed
    ├── RedactionError    the `redact` hook failed; nothing was sent
    ├── SpoolError        the spool folder cannot be used
    └── DeliveryError     Kafka did not take an event: what a Delivery carries and a future raises
        ├── DroppedError  there was no room, and `when_full` is to drop
        └── SpooledError  it was not in Kafka when the producer closed; the spool keeps it
"""

from plaudit_schemas.errors import PlauditError


class ProducerError(PlauditError):
    """Sending failed for a reason other than the event itself."""


class BufferFullError(ProducerError):
    """Neither memory nor spool has room: Kafka is away, or slower than the events come."""


class ClosedError(ProducerError):
    """The producer was closed before."""


class RedactionError(ProducerError):
    """The `redact` hook raised; the event was not sent, as it may hold what must not leave the process."""


class SpoolError(ProducerError):
    """The spool folder cannot be made, written or read."""


class DeliveryError(ProducerError):
    """Kafka did not acknowledge the event; without a spool it is lost."""


class DroppedError(DeliveryError):
    """The event was dropped for want of room, as `when_full="drop"` asks for."""


class SpooledError(DeliveryError):
    """The producer closed first; the next one with the same `spool_dir` sends the event."""
