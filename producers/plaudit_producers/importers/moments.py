"""Times as files write them: ISO 8601 texts, and seconds, milliseconds or microseconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds stay below the first limit until the year 5138, and milliseconds until then stay below the second.
_MILLIS_FROM: Final = 1e11
_MICROS_FROM: Final = 1e14


def moment_of(value: Any, what: str) -> datetime | None:
    """Return the time that a file gives, or None where it has none. A text without a zone is in UTC.

    Raises:
        ValueError: the value is no time. The message calls it `what`.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(microseconds=round(value * _micros_per_unit(abs(value))))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{what} must be a time, not {value!r}")


def at_time(value: Any, what: str) -> dict[str, Any]:
    """Return the keyword `occurred_at` for an event, or nothing where the file has no time.

    Raises the same error as `moment_of`.
    """
    at = moment_of(value, what)
    return {} if at is None else {"occurred_at": at}


def _micros_per_unit(size: float) -> int:
    if size < _MILLIS_FROM:
        return 1_000_000
    return 1000 if size < _MICROS_FROM else 1
