"""Nothing of ours reaches the program that is recorded."""

import asyncio
import logging
import time

import pytest
from plaudit_producers.integrations import guard
from plaudit_producers.integrations.guard import guarded, swallowed_errors


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.fixture(autouse=True)
def _nothing_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_logged_at", {})
    guard._swallowed.clear()


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), UnprintableError(), RecursionError(), MemoryError()],
    ids=lambda e: type(e).__name__,
)
def test_an_exception_is_counted_and_logged_and_goes_no_further(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "plaudit_producers"), guarded("test: a place"):
        raise error
    assert "test: a place failed; your program goes on" in caplog.text
    assert type(error).__name__ in caplog.text
    assert swallowed_errors() == {"test: a place": 1}


def test_a_log_handler_of_the_program_that_fails_changes_nothing() -> None:
    class Broken(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise RuntimeError

    handler = Broken()
    guard.log.addHandler(handler)
    try:
        with guarded("test: a log"):
            raise ValueError
    finally:
        guard.log.removeHandler(handler)
    assert swallowed_errors() == {"test: a log": 1}


def test_a_guarded_function_returns_what_it_made_or_none() -> None:
    @guarded("test: half")
    def half(number: int) -> float:
        """Halve it."""
        return 1 / number

    assert (half(2), half(0), half.__doc__) == (0.5, None, "Halve it.")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_what_ends_a_task_or_the_process_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), guarded("test: the end"):
        raise error
    assert swallowed_errors() == {}


def test_a_fault_of_every_call_is_logged_once_a_minute_for_each_place(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def fail(place: str) -> None:
        with guarded(place):
            raise ValueError

    with caplog.at_level(logging.WARNING, "plaudit_producers"):
        for place in ("one", "one", "other", "one"):
            fail(place)
        assert len(caplog.records) == 2
        now += 61
        fail("one")
        assert len(caplog.records) == 3
    assert swallowed_errors() == {"one": 4, "other": 1}
