"""Every error that Plaudit raises on purpose.

PlauditError
├── SettingsError                a setting is unknown, missing or out of range
│   └── ReviewSaltError          the salt of random shares is missing, or another than the rubric's
├── RefusedError                 an event goes to the dead letters; `reason` says why
│   ├── InvalidEventError        it breaks a limit or a rule of the contract
│   │   └── AspectError          it does not fit the aspects that its application declares
│   ├── ConflictError            a complete message's id was used again with other content
│   ├── WrongPartitionError      its record is in a partition that its key does not belong to
│   ├── ExpiredError             its conversation ended too long ago, or was erased
│   ├── TooLargeError            its conversation holds as much as a conversation may
│   └── CodecError               its bytes cannot be decoded as a record of ours
│       ├── BadMagicError        the first byte is not 0
│       ├── UnknownSchemaError   the schema id is unknown or belongs to another schema
│       │   └── MissingSchemaError   this process cannot know it: no registry is set, or it is too old
│       ├── TruncatedError       the bytes end too early or are not valid Avro
│       ├── TrailingBytesError   bytes are left over after the record
│       ├── UnknownBodyError     a newer writer's body, which this reader does not know
│       └── EncodingError        a record does not fit its schema
├── RegistryError                the schema registry gave no usable answer
│   ├── RegistryRefusedError     it refused the request for good
│   └── RegistryUnavailableError it does not answer, or does not let us in; try again later
│       ├── SchemaUnavailableError   it answers other questions, but fails at this one schema
│       └── SchemaMovedError         an id means another schema than before: the registry lost its ids
├── TopicError                   a topic is missing or differs from its definition
├── ServiceUnavailableError      Kafka or Redis does not answer
├── AccessError                  Kafka or Redis does not let us in, and waiting does not change that
├── ModelError                   the folder of a model cannot be used
│   ├── ModelCheckError          it breaks a rule of its format, or does not give what it promises
│   └── ModelInputError          its chat template does not take this conversation; others can be scored
├── RubricError                  a rubric's file breaks a rule of the format
├── PublicationError             a model or a rubric cannot be published, rolled back or withdrawn
└── NotFoundError                what was asked for does not exist
"""

from typing import ClassVar

from plaudit_schemas.contract.reasons import Reason, Refusal


class PlauditError(Exception):
    """The root of the tree. The text of an error is one sentence that tells the user what to do."""


class SettingsError(PlauditError):
    """A setting is unknown, missing or out of range."""


class ReviewSaltError(SettingsError):
    """The salt of random shares is missing, or it is not the one that a rubric was published with."""


class RefusedError(PlauditError):
    """An event is refused and goes to the dead letters. It has not changed any state."""

    reason: ClassVar[Reason] = "invalid"

    @property
    def refusal(self) -> Refusal:
        """The reason and the detail for the headers of the dead letter."""
        return Refusal(self.reason, str(self))


class InvalidEventError(RefusedError):
    """An event breaks a limit or a rule of the contract."""


class AspectError(InvalidEventError):
    """Feedback does not fit the aspects that its application declares. Only producers raise it."""


class ConflictError(RefusedError):
    """The id of a complete message was used again with other content."""

    reason: ClassVar[Reason] = "conflict"


class ExpiredError(RefusedError):
    """The conversation was erased, or it ended so long ago that its state is no longer kept."""

    reason: ClassVar[Reason] = "expired"


class TooLargeError(RefusedError):
    """The conversation holds as much as one may. Its end, and what protects its user, still count."""

    reason: ClassVar[Reason] = "too_large"


class WrongPartitionError(RefusedError):
    """The record is in a partition that its key does not belong to: its producer has another partitioner."""

    reason: ClassVar[Reason] = "wrong_partition"


class CodecError(RefusedError):
    """The bytes cannot be decoded as a record of the expected schema."""

    reason: ClassVar[Reason] = "truncated"


class BadMagicError(CodecError):
    """The first byte is not Confluent's magic byte 0."""

    reason: ClassVar[Reason] = "bad_magic"


class UnknownSchemaError(CodecError):
    """Neither the package nor the registry knows the schema id, or it belongs to another schema."""

    reason: ClassVar[Reason] = "unknown_schema"


class MissingSchemaError(UnknownSchemaError):
    """This process cannot know the schema: no registry is set, or a later release of Plaudit made it."""


class TruncatedError(CodecError):
    """The bytes end too early or do not follow their schema."""

    reason: ClassVar[Reason] = "truncated"


class TrailingBytesError(CodecError):
    """Bytes are left over after the record."""

    reason: ClassVar[Reason] = "trailing_bytes"


class UnknownBodyError(CodecError):
    """A newer writer used a part of its schema that the reader's schema lacks."""

    reason: ClassVar[Reason] = "unknown_body"


class EncodingError(CodecError):
    """A record does not fit the schema that should encode it."""

    reason: ClassVar[Reason] = "invalid"


class RegistryError(PlauditError):
    """The schema registry gave no usable answer."""


class RegistryRefusedError(RegistryError):
    """The schema registry refused a request, and would refuse it again.

    Attributes:
        code: the API's own error code; None if the answer had none.
    """

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class RegistryUnavailableError(RegistryError):
    """The schema registry does not answer, or does not let us in. The event may be valid: try it again."""


class SchemaUnavailableError(RegistryUnavailableError):
    """The schema registry answers other questions, but fails at one schema. That may pass."""


class SchemaMovedError(RegistryUnavailableError):
    """A schema id means another schema than before. Until that is mended, nothing is read by it."""


class TopicError(PlauditError):
    """A topic is missing or differs from its definition."""


class ServiceUnavailableError(PlauditError):
    """Kafka or Redis does not answer."""


class AccessError(PlauditError):
    """Kafka or Redis refuses our password, certificate or permissions. Waiting does not help."""


class ModelError(PlauditError):
    """The folder of a model cannot be used: a file is missing or unreadable, or the machine lacks memory."""


class ModelCheckError(ModelError):
    """The folder of a model breaks a rule of its format, or the model does not give what it promises."""


class ModelInputError(ModelError):
    """The model's chat template does not take a conversation. Others can be scored."""


class RubricError(PlauditError):
    """A rubric's file cannot be read, or breaks a rule of the format.

    Attributes:
        problems: all that is wrong, each with its line if it has one.
    """

    def __init__(self, text: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.problems = problems


class PublicationError(PlauditError):
    """A model or a rubric cannot be published, rolled back or withdrawn."""


class NotFoundError(PlauditError):
    """What was asked for does not exist."""


def raise_interrupt(error: Exception) -> None:
    """Raise the KeyboardInterrupt that is behind a SystemError; do nothing for another error.

    Ctrl-C may arrive within Python's own C code, such as `isinstance` with an abstract class. Python then
    raises SystemError. Call this first wherever any error is taken for a fault of the data.
    """
    if isinstance(error, SystemError) and isinstance(error.__cause__, KeyboardInterrupt):
        raise error.__cause__
