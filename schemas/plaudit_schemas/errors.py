"""Every error that Plaudit raises on purpose.

PlauditError
├── SettingsError                a setting is unknown, missing or out of range
├── RefusedError                 an event goes to the dead letters; `reason` says why
│   ├── InvalidEventError        it breaks a limit or a rule of the contract
│   ├── ConflictError            the id of a complete message came again with other content
│   ├── ExpiredError             its conversation ended too long ago, or was erased
│   └── CodecError               its bytes are no event of ours
│       ├── BadMagicError        the first byte is not 0
│       ├── UnknownSchemaError   nobody knows the schema id
│       ├── TruncatedError       the bytes end too early, or are no Avro
│       ├── TrailingBytesError   bytes are left over
│       ├── UnknownBodyError     a newer writer's body, for a newer reader
│       └── EncodingError        a record does not fit its schema
├── RegistryError                the schema registry refused
│   └── RegistryUnavailableError it did not answer in time; try again later
├── TopicError                   a topic is missing or differs from its definition
├── ServiceUnavailableError      Kafka or Redis does not answer
└── NotFoundError                what was asked for does not exist
"""

from typing import ClassVar

from plaudit_schemas.contract.reasons import Reason, Refusal


class PlauditError(Exception):
    """The root: its text is one sentence for the user that says what to do."""


class SettingsError(PlauditError):
    """A setting is unknown, missing or out of range."""


class RefusedError(PlauditError):
    """An event goes to the dead letters. The state is as it was before."""

    reason: ClassVar[Reason] = "invalid"

    @property
    def refusal(self) -> Refusal:
        """Why, as a dead letter says it."""
        return Refusal(self.reason, str(self))


class InvalidEventError(RefusedError):
    """An event breaks a limit or a rule of the contract."""


class ConflictError(RefusedError):
    """The id of a complete message came again with other content."""

    reason: ClassVar[Reason] = "conflict"


class ExpiredError(RefusedError):
    """The conversation ended longer ago than its state is kept, or was erased."""

    reason: ClassVar[Reason] = "expired"


class CodecError(RefusedError):
    """The bytes are no event of ours."""

    reason: ClassVar[Reason] = "truncated"


class BadMagicError(CodecError):
    """The first byte is not Confluent's magic byte 0."""

    reason: ClassVar[Reason] = "bad_magic"


class UnknownSchemaError(CodecError):
    """Neither the package nor the registry knows the schema id."""

    reason: ClassVar[Reason] = "unknown_schema"


class TruncatedError(CodecError):
    """The bytes end too early or do not follow their schema."""

    reason: ClassVar[Reason] = "truncated"


class TrailingBytesError(CodecError):
    """Bytes are left after the record."""

    reason: ClassVar[Reason] = "trailing_bytes"


class UnknownBodyError(CodecError):
    """The writer's schema is newer and uses what the reader's lacks."""

    reason: ClassVar[Reason] = "unknown_body"


class EncodingError(CodecError):
    """A record does not fit the schema that it is to be written with."""

    reason: ClassVar[Reason] = "invalid"


class RegistryError(PlauditError):
    """The schema registry refused a request."""


class RegistryUnavailableError(RegistryError):
    """The schema registry did not answer within the retries; nothing is wrong with the event."""


class TopicError(PlauditError):
    """A topic is missing or differs from its definition."""


class ServiceUnavailableError(PlauditError):
    """Kafka or Redis does not answer."""


class NotFoundError(PlauditError):
    """What was asked for does not exist."""
