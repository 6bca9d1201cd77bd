"""Errors of the SDK.

PlauditError
├── InvalidEventError     an event breaks a limit or a rule (plaudit_schemas.errors); nothing was sent
│   ├── UnknownFieldError a keyword is none of this kind of event
│   └── EventSizeError    an encoded event is too large
└── ProducerError
    ├── BufferFullError   the buffer is full, after any wait that `when_full` asks for; nothing was sent
    ├── ClosedError       the producer was closed
    ├── RedactionError    the `redact` hook failed; nothing was sent
    ├── SpoolError        the spool folder cannot be used
    └── DeliveryError     Kafka did not take an event; carried by a Delivery, raised by a DeliveryFuture
        ├── DroppedError  the buffer was full, and `when_full` is "drop"
        ├── RejectedError the event's content breaks the contract, or the `redact` hook failed
        └── SpooledError  the producer closed before Kafka had the event; the spool keeps it
"""

from plaudit_schemas.errors import InvalidEventError, PlauditError


class UnknownFieldError(InvalidEventError):
    """A keyword is none of this kind of event. It is an error of the program, so every producer raises it."""


class EventSizeError(InvalidEventError):
    """An encoded event takes more than EVENT_BYTES.

    Attributes:
        excess: how many bytes it takes more.
    """

    def __init__(self, text: str, excess: int) -> None:
        super().__init__(text)
        self.excess = excess


class ProducerError(PlauditError):
    """The producer could not send an event, for a reason other than the event itself."""


class BufferFullError(ProducerError):
    """The buffer (memory or spool) is full: Kafka is unreachable, or slower than the application sends."""


class ClosedError(ProducerError):
    """The producer was closed before the call."""


class RedactionError(ProducerError):
    """The `redact` hook raised. The event was not sent: it may hold text that must not leave the process."""


class SpoolError(ProducerError):
    """The spool folder cannot be created, written or read."""


class DeliveryError(ProducerError):
    """Kafka did not acknowledge the event. Without a spool it is lost."""


class DroppedError(DeliveryError):
    """The event was dropped because the buffer was full and `when_full` is "drop"."""


class RejectedError(DeliveryError):
    """The event was not sent: it breaks the contract and was not repaired, or the `redact` hook failed.

    A producer with `strict=True` raises the cause instead.
    """


class SpooledError(DeliveryError):
    """The producer closed before Kafka had the event. The next producer with this `spool_dir` sends it."""
