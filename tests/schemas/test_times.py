"""Times that a producer may send: the years 1 to 9999, in microseconds and in no other unit."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.contract.records import validate
from plaudit_schemas.contract.times import (
    EARLIEST_MICROS,
    LATEST_MICROS,
    micros,
    moment,
    range_problem,
    time_problem,
    time_text,
    zoned_micros,
)
from plaudit_schemas.errors import InvalidEventError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW_S = 1_795_262_400


class Broken(tzinfo):
    """A time zone whose code fails."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        raise ZeroDivisionError

    tzname = dst = utcoffset  # type: ignore[assignment]  # never asked


class Offsetless(Broken):
    """A time zone that gives no offset, so the time is one without a zone."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        return None


def test_the_ends_of_the_calendar_are_times() -> None:
    assert moment(EARLIEST_MICROS) == datetime(1, 1, 1, tzinfo=UTC)
    assert moment(LATEST_MICROS) == datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert EARLIEST_MICROS == -62_135_596_800_000_000
    assert LATEST_MICROS == 253_402_300_799_999_999
    for at in (EARLIEST_MICROS, 0, LATEST_MICROS):
        assert range_problem(at) is time_problem(at) is None
    for at in (EARLIEST_MICROS - 1, LATEST_MICROS + 1, -(2**63), 2**63 - 1, 10**400):
        assert "years 1 to 9999" in (range_problem(at) or "")
        with pytest.raises(OverflowError):
            moment(at)


@pytest.mark.parametrize(
    ("at", "unit"),
    [
        pytest.param(NOW_S, "looks like seconds", id="seconds"),
        pytest.param(NOW_S * 1000, "looks like milliseconds", id="milliseconds"),
        pytest.param(NOW_S * 1_000_000_000, "looks like nanoseconds", id="nanoseconds"),
    ],
)
def test_another_unit_is_named_with_what_was_meant(at: int, unit: str) -> None:
    assert time_problem(NOW_S * 1_000_000) is None
    problem = time_problem(at) or ""
    assert unit in problem
    assert problem.endswith(f"microseconds since 1970 are meant: {NOW_S * 1_000_000}")


def test_the_log_of_before_keeps_its_times_in_another_unit() -> None:
    assert range_problem(NOW_S) is range_problem(NOW_S * 1000) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_goes_there_and_back(at: datetime) -> None:
    assert moment(micros(at)) == at
    assert range_problem(micros(at)) is None


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        pytest.param(datetime(2026, 1, 1), "time zone", id="no zone"),  # noqa: DTZ001  # it is the case
        pytest.param(datetime(2026, 1, 1, tzinfo=Offsetless()), "time zone", id="a zone without offset"),
        pytest.param(datetime(2026, 1, 1, tzinfo=Broken()), "ZeroDivisionError", id="a zone that fails"),
        pytest.param(
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "years 1 to 9999", id="year 0 in UTC"
        ),
        pytest.param(
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "1 to 9999", id="year 10000 in UTC"
        ),
        pytest.param(datetime.fromtimestamp(NOW_S / 1000, UTC), "milliseconds", id="divided once too often"),
        pytest.param(NOW_S, "datetime", id="a number"),
        pytest.param("2026-11-21T12:00:00Z", "datetime", id="a text"),
        pytest.param(NOW.date(), "datetime", id="a date"),
    ],
)
def test_what_is_no_time_is_refused(at: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        zoned_micros(at)


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(NOW_S * 1000, id="milliseconds"),
        pytest.param(EARLIEST_MICROS - 1, id="the year 0"),
        pytest.param(LATEST_MICROS + 1, id="the year 10000"),
        pytest.param(float(NOW_S), id="a float"),
        pytest.param("now", id="a text"),
    ],
)
@pytest.mark.parametrize("field", ["occurred_at", "last_activity_at"])
def test_a_record_with_such_a_time_is_refused(field: str, at: object) -> None:
    body: dict[str, object] = {"reason": "closed"}
    record: dict[str, object] = {
        "event_id": "e", "application": "shop", "conversation_id": "c", "occurred_at": micros(NOW),
        "body": ("plaudit.v1.EndConversation", body),
    }  # fmt: skip
    validate(record)
    (record if field == "occurred_at" else body)[field] = at
    with pytest.raises(InvalidEventError, match=field):
        validate(record)


def test_every_time_has_a_text() -> None:
    assert time_text(micros(NOW)) == "2026-11-21 12:00:00 UTC"
    assert time_text(-(2**63)) == f"{-(2**63)} microseconds after 1970, outside the years 1 to 9999"
