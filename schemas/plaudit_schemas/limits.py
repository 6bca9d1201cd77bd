"""Limits of the contract: checked at the producer, and again at the fold."""

from typing import Final

ID_CHARACTERS: Final = 128
CONTENT_BYTES: Final = 1024 * 1024
METADATA_ENTRIES: Final = 32
APPLICATION_PATTERN: Final = r"^[A-Za-z0-9._-]{1,128}$"
SEQUENCE_LIMIT: Final = 2**53
"""A producer's sequence stays below it, so that sums over producers fit a long, and JSON a number."""
FUTURE_MICROS: Final = 60_000_000
"""Event time is at most this much after the broker's timestamp; later is cut to it."""
