"""The header of Confluent's wire format: a zero byte and the schema id, 4 bytes big-endian."""

from typing import Final

HEADER_BYTES: Final = 5


def header_of(schema_id: int) -> bytes:
    """The 5 bytes that precede the Avro binary."""
    return b"\0" + schema_id.to_bytes(4, "big")


def schema_id_of(payload: bytes) -> int | None:
    """The schema id in a payload's header. None if the payload is not in Confluent's wire format."""
    if len(payload) < HEADER_BYTES or payload[0] != 0:
        return None
    return int.from_bytes(payload[1:HEADER_BYTES], "big")
