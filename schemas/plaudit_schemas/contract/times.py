"""The contract's times: microseconds since 1970 in UTC, within the years 1 to 9999."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970, UTC. Computed with integers: floats would lose microseconds.

    The result may lie outside the years 1 to 9999, since the zone of `at` shifts it by up to a day.
    """
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(at: int) -> datetime:
    """The inverse of `micros`. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at)


EARLIEST_MICROS: Final = micros(datetime.min.replace(tzinfo=UTC))
LATEST_MICROS: Final = micros(datetime.max.replace(tzinfo=UTC))
"""The first and the last time that a datetime, and so most readers of Parquet, can hold."""

# From 1973 to 2286. Taken for microseconds, these numbers are times in the first four months of 1970.
_SECONDS: Final = range(10**8, 10**10)
_MILLISECONDS: Final = range(10**11, 10**13)
# From 2001 to 2223: smaller numbers are times shortly after the year 9999.
_NANOSECONDS: Final = range(10**18, 8 * 10**18)
_MEANT: Final = "microseconds since 1970 are meant"


def range_problem(at: int) -> str | None:
    """Check that a time lies in the years 1 to 9999. Returns the rest of a sentence, or None.

    The sentence begins with the name of the field. The fold calls this for every event of the log.
    """
    if EARLIEST_MICROS <= at <= LATEST_MICROS:
        return None
    if at in _NANOSECONDS:
        return f"is {at}, which looks like nanoseconds; {_MEANT}: {at // 1000}"
    return "must lie in the years 1 to 9999 in UTC, as microseconds since 1970"


def time_problem(at: int) -> str | None:
    """Check a time that a producer sends: as `range_problem`, and for another unit than microseconds.

    A chat of early 1970 is refused too. Nobody has one, but many programs have a clock in milliseconds.
    """
    if at in _SECONDS:
        return f"is {at}, which looks like seconds; {_MEANT}: {at * 1_000_000}"
    if at in _MILLISECONDS:
        return f"is {at}, which looks like milliseconds; {_MEANT}: {at * 1000}"
    return range_problem(at)


def zoned_micros(at: Any, problem_of: Callable[[int], str | None] = time_problem) -> int:
    """Convert a datetime with a zone to microseconds since 1970.

    Args:
        problem_of: checks the result; by default, that a producer may send it.

    Raises:
        ValueError: it is none, or `problem_of` finds a problem. The text is as in `range_problem`.
    """
    if not isinstance(at, datetime):
        raise ValueError(f"must be a datetime with a time zone, not {type(at).__name__}")  # noqa: TRY004
    try:
        since = None if at.utcoffset() is None else micros(at)
    except Exception as error:  # a tzinfo may be anybody's code and so raise anything
        raise ValueError(f"has a time zone that fails with {type(error).__name__}") from error
    if since is None:
        raise ValueError("must have a time zone; use datetime.now(UTC)")
    problem = problem_of(since)
    if problem is not None:
        raise ValueError(problem)
    return since


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


def time_text(at: int) -> str:
    """A time for people. Also one outside the years 1 to 9999, which an old log may hold."""
    try:
        return f"{moment(at):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{at} microseconds after 1970, outside the years 1 to 9999"
