"""Why an event is refused."""

from typing import Literal, NamedTuple, get_args

Reason = Literal[
    "bad_magic",  # the first byte is not 0
    "unknown_schema",  # nobody knows the schema id
    "truncated",  # the bytes end too early, or are no Avro
    "trailing_bytes",  # bytes are left over
    "unknown_body",  # a newer writer's body: send it again after the readers are upgraded
    "invalid",  # a limit or a rule of the contract is broken
    "conflict",  # the id of a complete message came again with other content
    "expired",  # the conversation ended longer ago than state_retention
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Refusal(NamedTuple):
    """Why an event is refused: one of the reasons, and a sentence for whoever reads the dead letter."""

    reason: Reason
    detail: str
