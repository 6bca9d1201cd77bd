"""Times as the contract has them: microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970, UTC, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(at: int) -> datetime:
    """The inverse of `micros`; OverflowError beyond the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at)


def read_moment(text: str) -> datetime:
    """An ISO 8601 time, in UTC. A time without a zone is UTC, and a day is its first moment.

    Raises:
        ValueError: the text is no time, or in UTC it lies beyond the years 1 to 9999.
    """
    at = datetime.fromisoformat(text)
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is beyond the years 1 to 9999") from error
