"""Checks of single fields, hand-written: a pydantic model an event would take most of the time."""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NoReturn

from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.limits import (
    APPLICATION_PATTERN,
    CONTENT_BYTES,
    ID_CHARACTERS,
    METADATA_ENTRIES,
    SEQUENCE_LIMIT,
)

Check = Callable[[Any, str], None]
"""Takes a value and its field's name; raises InvalidEventError, or returns."""

_APPLICATION = re.compile(APPLICATION_PATTERN.removesuffix("$") + r"\Z")
_LONG = 1 << 63


def refuse(field: str, problem: str) -> NoReturn:
    raise InvalidEventError(f"{field} {problem}")


def text(value: Any, field: str) -> None:
    """A text of at most CONTENT_BYTES; a character takes up to 4 bytes, so most need no counting."""
    if not isinstance(value, str):
        refuse(field, f"must be a text, not {type(value).__name__}")
    if len(value) * 4 > CONTENT_BYTES and len(value.encode(errors="surrogatepass")) > CONTENT_BYTES:
        refuse(field, f"is longer than {CONTENT_BYTES} bytes of UTF-8; cut it or send it by reference")


def identifier(value: Any, field: str) -> None:
    if not isinstance(value, str):
        refuse(field, f"must be a text, not {type(value).__name__}")
    if not 0 < len(value) <= ID_CHARACTERS:
        refuse(field, f"must have 1 to {ID_CHARACTERS} characters, not {len(value)}")


def parent(value: Any, field: str) -> None:
    if value != "":
        identifier(value, field)


def application(value: Any, field: str) -> None:
    if not isinstance(value, str) or not _APPLICATION.match(value):
        refuse(field, "must be 1 to 128 letters, digits, '.', '_' and '-'")


def metadata(value: Any, field: str) -> None:
    if not isinstance(value, dict):
        refuse(field, f"must be a dict of texts, not {type(value).__name__}")
    if len(value) > METADATA_ENTRIES:
        refuse(field, f"has {len(value)} entries; {METADATA_ENTRIES} are allowed")
    for key, item in value.items():
        text(key, f"{field}'s key")
        text(item, f"{field}[{key!r}]")


def count(value: Any, field: str) -> None:
    if type(value) is not int or not 0 <= value < _LONG:
        refuse(field, f"must be a whole number from 0, not {value!r}")


def sequence(value: Any, field: str) -> None:
    count(value, field)
    if value >= SEQUENCE_LIMIT:
        refuse(field, f"must be below {SEQUENCE_LIMIT}, not {value!r}")


def moment(value: Any, field: str) -> None:
    if type(value) is not int or not -_LONG <= value < _LONG:
        refuse(field, f"must be microseconds since 1970 as an int, not {value!r}")


def number(value: Any, field: str) -> None:
    if type(value) not in (float, int) or not isfinite(value):
        refuse(field, f"must be a finite number, not {value!r}")


def share(value: Any, field: str) -> None:
    number(value, field)
    if not 0 <= value <= 1:
        refuse(field, f"must lie between 0 and 1, not at {value!r}")


def flag(value: Any, field: str) -> None:
    if value is not True and value is not False:
        refuse(field, f"must be True or False, not {value!r}")


def identifiers(value: Any, field: str) -> None:
    for item in _items(value, field):
        identifier(item, field)


def ranking(value: Any, field: str) -> None:
    for group in _items(value, field):
        identifiers(group, field)


def labels(value: Any, field: str) -> None:
    if not 0 < len(_items(value, field)) <= METADATA_ENTRIES:
        refuse(field, f"takes 1 to {METADATA_ENTRIES} labels")
    for item in value:
        text(item, field)


def one_of(*symbols: str) -> Check:
    allowed = frozenset(symbols)

    def check(value: Any, field: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            refuse(field, f"must be one of {', '.join(sorted(allowed))}, not {value!r}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Every required field present and right; every optional one None (or absent) or right; no other."""
    needed = frozenset(required)
    check_of = {**optional, **required}.get

    def check(value: Any, field: str) -> None:
        if not isinstance(value, dict):
            refuse(field, f"must be a record, not {type(value).__name__}")
        for name, item in value.items():
            checked = check_of(name)
            if checked is None:
                refuse(field, f"has no field {name}")
            if item is not None or name in needed:
                checked(item, name)
        if not needed <= value.keys():
            refuse(field, f"lacks {', '.join(sorted(needed - value.keys()))}")

    return check


def list_of(item_check: Check) -> Check:
    def check(value: Any, field: str) -> None:
        for item in _items(value, field):
            item_check(item, field)

    return check


def _items(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        refuse(field, f"must be a list, not {type(value).__name__}")
    return value
