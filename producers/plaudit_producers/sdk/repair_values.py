"""Plain values of one type, made from whatever a caller passed."""

import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import Contract
from plaudit_schemas.contract.records import refuse
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.sdk.values import Unfit, plain_value

_HAVE_TEXT: Final = (UUID, date, PurePath)  # a datetime is a date
_BYTES: Final = (bytes, bytearray, memoryview)
_WHOLE_BITS: Final = 64


def given(value: Any) -> Any:
    """What the caller passed: an `Unfit` is opened, and a member of an Enum counts as its value."""
    if type(value) is Unfit:
        value = value.value
    return value.value if isinstance(value, Enum) else value


def text_of(value: Any, field: str) -> str:
    """A text. A list of texts, or of parts that hold one, is put together; other structures become JSON.

    Raises:
        InvalidEventError: the value has no text of its own.
    """
    value = given(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, _BYTES):
        return bytes(value).decode(errors="replace")
    if isinstance(value, _HAVE_TEXT):
        return str(value)
    parts = _texts_of_parts(value)
    if parts is not None:
        return "".join(parts)
    try:
        return json.dumps(plain_value(value, field), ensure_ascii=False)
    except ValueError as error:
        raise InvalidEventError(f"{field} cannot be {type(value).__name__}: {error}") from None


def id_of(value: Any, field: str) -> str:
    """The text of an id: of a text, a whole number or a UUID.

    Raises:
        InvalidEventError: it is none of these.
    """
    value = given(value)
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, UUID | int) or isinstance(value, bool):
        refuse(field, f"must be a text, not {type(value).__name__}")
    return text_of(value, field)


def number_of(value: Any, field: str) -> float | int:
    """A finite number, also of a text such as "4".

    Raises:
        InvalidEventError: it is no finite number.
    """
    value = given(value)
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except ArithmeticError:
            raise InvalidEventError(f"{field} must be a number, not a text") from None
    number = plain_value(value, field)
    if type(number) not in (int, float) or not _finite(number):
        refuse(field, f"must be a finite number, not {type(value).__name__}")
    return number  # type: ignore[no-any-return]  # the line before tells its type


def whole_of(value: Any, field: str) -> int:
    """A whole number; any other is rounded.

    Raises:
        InvalidEventError: it is no finite number, or takes more than 64 bits.
    """
    whole = round(number_of(value, field))
    if whole.bit_length() >= _WHOLE_BITS:
        refuse(field, "must be a whole number of at most 64 bits")
    return whole


def fields_of(value: Any, field: str) -> Record:
    """The fields of a mapping or of a model of the contract.

    Raises:
        InvalidEventError: it is neither.
    """
    value = given(value)
    if isinstance(value, Contract):
        return dict(value.__dict__)
    if not isinstance(value, Mapping):
        refuse(field, f"must be a record, not {type(value).__name__}")
    return dict(value)


def _texts_of_parts(value: Any) -> list[str] | None:
    """The texts of a message's content in parts, as APIs of chat models have it; None for anything else."""
    if not isinstance(value, list | tuple) or not value:
        return None
    parts = [each.get("text") if isinstance(each, Mapping) else each for each in value]
    texts = [each for each in parts if isinstance(each, str)]
    return texts if len(texts) == len(parts) else None


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int beyond the largest float
        return False
