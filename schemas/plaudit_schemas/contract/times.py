"""Conversions of the contract's times, which are microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970, UTC. Computed with integers: floats would lose microseconds."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(at: int) -> datetime:
    """The inverse of `micros`. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at)


def read_moment(text: str) -> datetime:
    """Parse an ISO 8601 time to UTC. A time without a zone counts as UTC; a date means its midnight.

    Raises:
        ValueError: the text is not a time, or the time in UTC is outside the years 1 to 9999.
    """
    at = datetime.fromisoformat(text)
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is outside the years 1 to 9999") from error
