"""Ctrl-C within Python's C code, which makes a SystemError of it, is no fault of the data."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from plaudit_producers.sdk.values import plain_value
from plaudit_schemas.errors import InvalidEventError


class Interrupted(Mapping[str, Any]):
    """Raises when it is read, as Python's C code does at Ctrl-C."""

    def __init__(self, cause: BaseException) -> None:
        self._cause = cause

    def __iter__(self) -> Iterator[str]:
        raise SystemError("returned a result with an exception set") from self._cause

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __len__(self) -> int:
        return 1


def test_an_interrupt_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        plain_value(Interrupted(KeyboardInterrupt()), "body")


def test_another_fault_of_a_value_is_told() -> None:
    with pytest.raises(InvalidEventError, match="body cannot be read from Interrupted: SystemError"):
        plain_value(Interrupted(ValueError()), "body")
