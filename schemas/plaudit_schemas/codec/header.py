"""Confluent's wire format: byte 0, a 4-byte schema id, then Avro binary."""

from typing import Final

HEADER_BYTES: Final = 5


def header_of(schema_id: int) -> bytes:
    """The bytes that go before the Avro binary."""
    return b"\0" + schema_id.to_bytes(4, "big")


def schema_id_of(payload: bytes) -> int | None:
    """The schema id that a payload names; None where it is no Confluent wire format."""
    if len(payload) < HEADER_BYTES or payload[0] != 0:
        return None
    return int.from_bytes(payload[1:HEADER_BYTES], "big")
