"""What a dead letter says of itself: the original key and bytes, and these headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

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

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record was refused and where it lies."""

    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int
    schema_id: int | None
    timestamp_ms: int

    def headers(self) -> Headers:
        """The dead letter's Kafka headers, all of them UTF-8 text."""
        return [
            ("reason", self.reason.encode()),
            ("detail", self.detail.encode()),
            ("topic", self.topic.encode()),
            ("partition", str(self.partition).encode()),
            ("offset", str(self.offset).encode()),
            ("schema-id", b"" if self.schema_id is None else str(self.schema_id).encode()),
            ("time", str(self.timestamp_ms).encode()),
        ]

    @classmethod
    def from_headers(cls, headers: Sequence[tuple[str, bytes | None]] | None) -> "Refusal":
        """Read what `headers` wrote.

        Raises:
            ValueError: a header is missing or is not what we write.
        """
        values = {key: (value or b"").decode() for key, value in headers or ()}
        reason = values.get("reason", "")
        if reason not in REASONS:
            raise ValueError(f"the dead letter has no known reason but {reason!r}")
        try:
            return cls(
                reason=reason,
                detail=values["detail"],
                topic=values["topic"],
                partition=int(values["partition"]),
                offset=int(values["offset"]),
                schema_id=int(values["schema-id"]) if values["schema-id"] else None,
                timestamp_ms=int(values["time"]),
            )
        except KeyError as missing:
            raise ValueError(f"the dead letter lacks the header {missing}") from None
