"""Every error that Plaudit raises on purpose.

PlauditError
├── SettingsError                a setting is unknown, missing or out of range
├── InvalidEventError            an event breaks a limit or a rule of the contract
├── CodecError                   bytes that are no event; `reason` names the dead letter
│   ├── BadMagicError            the first byte is not 0
│   ├── UnknownSchemaError       nobody knows the schema id
│   ├── TruncatedError           the bytes end too early, or are no Avro
│   ├── TrailingBytesError       bytes are left over
│   ├── UnknownBodyError         a newer writer's body, for a newer reader
│   └── EncodingError            a record does not fit its schema
├── RegistryError                the schema registry refused
│   └── RegistryUnavailableError it did not answer in time; try again later
├── TopicError                   a topic is missing or differs from its definition
├── ServiceUnavailableError      Kafka or Redis does not answer
└── NotFoundError                what was asked for does not exist
"""

from typing import ClassVar

from plaudit_schemas.dead_letters import Reason


class PlauditError(Exception):
    """The root: its text is one sentence for the user that says what to do."""


class SettingsError(PlauditError):
    """A setting is unknown, missing or out of range."""


class InvalidEventError(PlauditError):
    """An event breaks a limit or a rule of the contract."""

    reason: ClassVar[Reason] = "invalid"


class CodecError(PlauditError):
    """Bytes that are no event of ours."""

    reason: ClassVar[Reason] = "truncated"


class BadMagicError(CodecError):
    """The first byte is not Confluent's magic byte 0."""

    reason = "bad_magic"


class UnknownSchemaError(CodecError):
    """Neither the package nor the registry knows the schema id."""

    reason = "unknown_schema"


class TruncatedError(CodecError):
    """The bytes end too early or do not follow their schema."""

    reason = "truncated"


class TrailingBytesError(CodecError):
    """Bytes are left after the record."""

    reason = "trailing_bytes"


class UnknownBodyError(CodecError):
    """The writer's schema is newer and uses what the reader's lacks."""

    reason = "unknown_body"


class EncodingError(CodecError):
    """A record does not fit the schema that it is to be written with."""

    reason = "invalid"


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
