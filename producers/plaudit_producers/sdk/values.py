"""Turn what callers pass to the SDK into the plain values of a record.

Taken are texts, numbers, booleans, lists and tuples, mappings, and the models of the contract. An instance of
a subclass counts as its base, so a `StrEnum` is a text. Numbers may be NumPy's, Decimals and Fractions, and
lists may be NumPy arrays. Anything else is marked as `Unfit`. `contract.records` then checks types and
limits.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from operator import index
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.field_types import Contract
from plaudit_schemas.contract.limits import EVENT_BYTES
from plaudit_schemas.contract.records import refuse
from plaudit_schemas.errors import InvalidEventError, raise_interrupt


@dataclass(frozen=True, slots=True)
class Unfit:
    """Stands in a record for a value that cannot be part of an event.

    The check of the record meets it. A strict producer then raises its error; others repair the value.
    """

    value: Any
    error: InvalidEventError


_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
_DEEPEST: Final = 6  # of lists and dicts within each other; a record of an event needs five
_TAKEN: Final = "a text, a number, True, False, a list or a dict"
_WHOLE_DIGITS: Final = 20  # of a Decimal that stays whole: all that fit into 64 bits


def plain_record(record: Any) -> Any:
    """Replace the values of an event's record in place by plain ones. Anything but a dict stays as it is.

    A pair of a text and a mapping stays a pair: that is the form of a body, and of the value of a feedback.
    """
    return make_plain(record) if isinstance(record, dict) else record


def make_plain(fields: Record) -> Record:
    """Replace the values of keyword arguments in place by plain ones or by `Unfit`, and return the dict."""
    for name, value in fields.items():
        if type(value) not in _PLAIN:  # most are plain, and this runs for every event
            fields[name] = plain_or_unfit(value, name if type(name) is str else "a field")
    return fields


def plain_or_unfit(value: Any, field: str) -> Any:
    """As `plain_value`, with an `Unfit` in place of the error."""
    try:
        return value if type(value) is Unfit else plain_value(value, field)
    except InvalidEventError as error:
        return Unfit(value, error)


def plain_value(value: Any, field: str) -> Any:
    """Return a value as plain Python. Copies lists and dicts.

    Raises:
        InvalidEventError: it cannot be part of an event.
    """
    if type(value) in _PLAIN:
        return value
    try:
        return _plain(value, field, 0)
    except InvalidEventError:
        raise
    except Exception as error:  # its class may be anybody's code, and so raise anything
        raise_interrupt(error)
        problem = f"cannot be read from {type(value).__name__}: {type(error).__name__}; give {_TAKEN}"
        raise InvalidEventError(f"{field} {problem}") from error


def error_of_unfit(node: Any, depth: int = 0) -> InvalidEventError | None:
    """The error of the first `Unfit` in a record; None if there is none.

    What is no record may hold itself, so it looks no deeper than an `Unfit` can lie.
    """
    if type(node) is Unfit:
        return node.error
    if depth > _DEEPEST + 1 or not isinstance(node, dict | list | tuple):
        return None
    inner = node.values() if isinstance(node, dict) else node
    errors = (error_of_unfit(each, depth + 1) for each in inner)
    return next((error for error in errors if error is not None), None)


def plain_list(value: Any, field: str) -> list[Any] | Unfit:
    """Return a list of plain values. A text is a list of one.

    What is no list, tuple or other sequence is `Unfit`. A set has no order.
    """
    plain = plain_or_unfit(value, field)
    if isinstance(plain, str):
        return [plain]
    if not isinstance(plain, list | Unfit):
        return Unfit(value, InvalidEventError(f"{field} must be a list, not {type(value).__name__}"))
    return plain


def _plain(value: Any, field: str, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth > _DEEPEST:
        refuse(field, "holds lists or dicts that are too deep")
    if isinstance(value, str):
        return str.__str__(value)  # exactly its text, whatever the subclass overrides
    if isinstance(value, (bytes, bytearray, memoryview)):
        refuse(field, f"cannot be {kind.__name__}; decode it, or give {_TAKEN}")
    if isinstance(value, Contract):
        return {name: _plain(item, name, depth + 1) for name, item in value.__dict__.items()}
    if isinstance(value, (Mapping, Sequence)):
        return _of_container(value, field, depth + 1)
    numpy = sys.modules.get("numpy")  # a value can be NumPy's only if NumPy is loaded
    if numpy is not None and isinstance(value, (numpy.generic, numpy.ndarray)):
        return _of_numpy(value, field, depth + 1)
    return _number(value, field)


def _of_container(value: Mapping[Any, Any] | Sequence[Any], field: str, depth: int) -> Any:
    if len(value) > EVENT_BYTES:  # such as a range: do not fill the memory first
        refuse(field, f"has {len(value)} items, more than fit into an event")
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping):
        return tuple(_plain(item, field, depth) for item in value)
    if isinstance(value, Sequence):
        return [_plain(item, field, depth) for item in value]
    return {_plain_key(key, field): _plain(item, field, depth) for key, item in value.items()}


def _plain_key(key: Any, field: str) -> str:
    if not isinstance(key, str):
        refuse(field, f"must have texts as keys, not {type(key).__name__}")
    return str.__str__(key)


def _of_numpy(value: Any, field: str, depth: int) -> Any:
    if value.dtype.kind in "mM":  # `tolist` would make a plain number of some
        refuse(field, f"cannot be {value.dtype}; give {_TAKEN}")
    plain = value.tolist()
    # A longdouble has no type of Python, and stays one.
    return float(plain) if type(plain) is type(value) else _plain(plain, field, depth)


def _number(value: Any, field: str) -> int | float:
    if isinstance(value, Decimal):
        return _of_decimal(value)
    kind = type(value)
    if hasattr(kind, "__index__"):
        with suppress(TypeError):  # a tensor has the method, but only one of integers an index
            return index(value)
    if not hasattr(kind, "__float__"):
        refuse(field, f"cannot be {kind.__name__}; give {_TAKEN}")
    return float(value)


def _of_decimal(value: Decimal) -> int | float:
    """A whole number stays one, for the fields that take no other. A larger one may have a billion digits."""
    whole = value.is_finite() and value.adjusted() < _WHOLE_DIGITS and value == value.to_integral_value()
    return int(value) if whole else float(value)
