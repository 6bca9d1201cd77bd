"""Why an event is refused."""

from typing import Literal, NamedTuple, get_args

Reason = Literal[
    "bad_magic",  # the first byte is not 0
    "unknown_schema",  # the schema id is unknown or belongs to another schema
    "truncated",  # the bytes end too early or are not valid Avro
    "trailing_bytes",  # bytes are left over after the record
    "unknown_body",  # a newer writer's body: upgrade the readers, then send it again
    "invalid",  # it breaks a limit or a rule of the contract
    "conflict",  # a complete message's id was used again with other content
    "wrong_partition",  # the record is in a partition that its key does not belong to
    "expired",  # the conversation was erased, or ended longer ago than state_retention
    "too_large",  # its conversation holds as much as one may, or is too large to become a record
    "lost",  # Kafka deleted it before it was folded, and somebody gave it up; there is nothing to send again
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Refusal(NamedTuple):
    """Why an event is refused: one of the reasons, and a sentence for people who read the dead letter."""

    reason: Reason
    detail: str
