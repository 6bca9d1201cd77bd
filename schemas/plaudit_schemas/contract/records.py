"""Checks of plain records, compiled from the typed models.

They refuse exactly what the models refuse, and times that look like another unit than microseconds. They are
several times as fast: building a pydantic model of every event would take most of a producer's time. A field
is required if the model has no default for it, or another default than Avro. A test compares the checks with
the models.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import inf
from sys import float_info
from types import NoneType, UnionType
from typing import Any, Final, Literal, NoReturn, Union, get_args, get_origin

from annotated_types import Ge, Le, Lt, MaxLen, MinLen
from pydantic import AwareDatetime, StringConstraints
from pydantic.fields import FieldInfo

from plaudit_schemas.codec.avro_types import named_types
from plaudit_schemas.codec.catalog import parse, schema_text
from plaudit_schemas.contract.events import BODIES, Body, CompareMessages, ConversationEvent
from plaudit_schemas.contract.feedback import VALUE_KINDS, VALUES, Feedback, Number, Span, Value
from plaudit_schemas.contract.field_types import WITHIN_BYTES, Application, Contract, Id, too_long
from plaudit_schemas.contract.limits import CONTENT_BYTES
from plaudit_schemas.contract.names import SIGNAL, full_name, short_name
from plaudit_schemas.contract.rules import (
    RuleViolation,
    comparison_problem,
    feedback_problem,
    scale_problem,
    span_problem,
)
from plaudit_schemas.contract.times import time_problem
from plaudit_schemas.errors import InvalidEventError, raise_interrupt

Record = dict[str, Any]
Check = Callable[[Any, str], None]
"""Takes a value and the name of its field. Raises InvalidEventError if the value is not valid."""

_LONG: Final = 1 << 63
_LARGEST_FLOAT: Final = float_info.max
_SET_LATER: Final = frozenset(("source",))
"""Fields that the producer sets after the check, so they are not required."""

_NO_VALUE: Final[tuple[None, Record]] = (None, {})
_SHOWN_CHARACTERS: Final = 100


def refuse(field: str, problem: str) -> NoReturn:
    """Raise InvalidEventError with the text `field problem`."""
    raise InvalidEventError(f"{field} {problem}")


def shown(value: Any) -> str:
    """A value for the text of an error: its `repr`, cut. Never raises, whatever the value is."""
    try:
        text = repr(value)
    except Exception:  # an int of over 4300 digits has no repr, and a caller's class may raise anything
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def validate(record: Record) -> None:
    """Raise InvalidEventError, which names the field, if a record breaks the contract."""
    _run(_event_check(), record, "the event")


def validate_body(body: Any) -> None:
    """Raise InvalidEventError, which names the field, if a body breaks the contract."""
    _run(_body_check(), body, "body")


def check_id(value: Any, field: str) -> None:
    """Raise InvalidEventError if a value is not a valid id."""
    _run(_id_check(), value, field)


def check_application(value: Any, field: str = "application") -> None:
    """Raise InvalidEventError if a value is not a valid name of an application."""
    _run(_application_check(), value, field)


def _run(check: Check, value: Any, field: str) -> None:
    try:
        check(value, field)
    except InvalidEventError:
        raise
    except Exception as error:  # a value's class is the caller's code, so its methods may raise anything
        raise_interrupt(error)
        problem = f"holds a value that cannot be checked: {type(error).__name__}; give plain Python values"
        raise InvalidEventError(f"{field} {problem}") from error


@cache
def _event_check() -> Check:
    return _record_of(ConversationEvent)


@cache
def _body_check() -> Check:
    return _one_of_records({name: _record_of(model) for name, model in BODIES.items()}, "a body's")


@cache
def _id_check() -> Check:
    return _check_of(Id)


@cache
def _application_check() -> Check:
    return _check_of(Application)


@cache
def _avro_defaults() -> Mapping[str, Mapping[str, Any]]:
    """Full name of a record -> field -> what a reader finds where the field was left out."""
    types = named_types(parse(schema_text("conversation_event")))
    return {
        name: {field["name"]: field["default"] for field in node["fields"] if "default" in field}
        for name, node in types.items()
        if node["type"] == "record"
    }


@cache
def required_fields(model: type[Contract]) -> frozenset[str]:
    """The fields of a model that a record must have: without a default, or with one that no reader finds."""
    defaults = _avro_defaults()[full_name(model.__name__)]
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if name not in _SET_LATER and (name not in defaults or field.get_default() != defaults[name])
    )


@cache
def field_check(model: type[Contract], name: str) -> Check:
    """The check of one field of a model. It does not take None for a field that may be left out."""
    return _check_of_field(model.model_fields[name])


def _record_of(model: type[Contract]) -> Check:
    """Every required field is there and right; every other one is absent, None, or right."""
    needed = required_fields(model)
    checks = {name: _check_of_field(field) for name, field in model.model_fields.items()}
    check_of, rule = checks.get, _RULES.get(model)

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
        problem = None if rule is None else rule(value)
        if problem is not None:
            refuse(problem.field, problem.text)

    return check


def _one_of_records(checks: Mapping[str, Check], whose: str) -> Check:
    def check(value: Any, field: str) -> None:
        named = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
        if not named or value[0] not in checks:
            refuse(field, f"must be a pair of {whose} full name and a record")
        checks[value[0]](value[1], short_name(value[0]))

    return check


def _scale_rule(value: Record) -> RuleViolation | None:
    return scale_problem(value["minimum"], value["number"], value["maximum"])


def _feedback_rule(feedback: Record) -> RuleViolation | None:
    name, value = feedback.get("value") or _NO_VALUE
    signal = value["name"] if name == SIGNAL else None
    kind = None if name is None else VALUE_KINDS[name]
    return feedback_problem(feedback.get("kind", "unknown"), feedback.get("signal"), kind, signal)


def _comparison_rule(body: Record) -> RuleViolation | None:
    return comparison_problem(body["candidates"], body["ranking"])


def _span_rule(span: Record) -> RuleViolation | None:
    return span_problem(span["start"], span["end"])


_RULES: Final[dict[type[Contract], Callable[[Record], RuleViolation | None]]] = {
    Number: _scale_rule,
    Span: _span_rule,
    Feedback: _feedback_rule,
    CompareMessages: _comparison_rule,
}


def _check_of_field(field: FieldInfo) -> Check:
    return _check_of(field.annotation, tuple(field.metadata))


def _check_of(annotation: Any, constraints: tuple[Any, ...] = ()) -> Check:
    """The check for a type in a model and its constraints.

    Raises:
        NotImplementedError: there is no check for the type.
    """
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _check_of(annotation.__origin__, (*annotation.__metadata__, *constraints))
    origin, parameters = get_origin(annotation), get_args(annotation)
    if origin is not None:
        return _check_of_generic(origin, parameters, constraints)
    if annotation is AwareDatetime:
        return _moment
    if issubclass(annotation, Contract):
        return _record_of(annotation)
    return {str: _text, int: _whole, float: _number, bool: _flag}[annotation](constraints)


def _check_of_generic(origin: Any, parameters: tuple[Any, ...], constraints: tuple[Any, ...]) -> Check:
    if origin in (Union, UnionType):
        return _check_of_union([each for each in parameters if each is not NoneType], constraints)
    if origin is Literal:
        return _symbol(parameters)
    if origin is list:
        return _list(_check_of(parameters[0]), constraints)
    if origin is dict:
        return _map(constraints)
    raise NotImplementedError(f"no check for the type {origin}")


def _check_of_union(branches: list[Any], constraints: tuple[Any, ...]) -> Check:
    if len(branches) == 1:
        return _check_of(branches[0], constraints)
    if all(issubclass(branch, Value) for branch in branches):
        return _one_of_records({name: _record_of(model) for name, model in VALUES.items()}, "a kind's")
    if all(issubclass(branch, Body) for branch in branches):
        return _body_check()
    raise NotImplementedError(f"no check for the union of {branches}")


def _bounds(constraints: tuple[Any, ...]) -> dict[str, Any]:
    """The constraints by name. Pydantic gives them as objects of several classes."""
    found: dict[str, Any] = {}
    for each in constraints:
        if isinstance(each, StringConstraints):
            given = {"min": each.min_length, "max": each.max_length, "pattern": each.pattern}
            found |= {name: value for name, value in given.items() if value is not None}
        elif isinstance(each, FieldInfo):
            found |= _bounds(tuple(each.metadata))
        elif isinstance(each, MinLen):
            found["min"] = each.min_length
        elif isinstance(each, MaxLen):
            found["max"] = each.max_length
        elif isinstance(each, (Ge, Le, Lt)):
            (name,) = each.__slots__
            found[name] = getattr(each, name)
        elif each is WITHIN_BYTES:
            found["bytes"] = CONTENT_BYTES
    return found


def _text(constraints: tuple[Any, ...]) -> Check:
    bounds = _bounds(constraints)
    if "pattern" in bounds:
        return _named_as(bounds["pattern"])
    if "max" in bounds:
        return _short_text(bounds.get("min", 0), bounds["max"])
    return _content


def _named_as(pattern: str) -> Check:
    # In Python `$` also matches before a final newline; in pydantic's regular expressions it does not.
    matches = re.compile(pattern.removesuffix("$") + r"\Z").match

    def check(value: Any, field: str) -> None:
        if not isinstance(value, str) or not matches(value):
            refuse(field, "must be 1 to 128 letters, digits, '.', '_' and '-'")

    return check


def _short_text(least: int, most: int) -> Check:
    def check(value: Any, field: str) -> None:
        if not isinstance(value, str):
            refuse(field, f"must be a text, not {type(value).__name__}")
        if not least <= len(value) <= most:
            refuse(field, f"must have {least} to {most} characters, not {len(value)}")

    return check


def _content(value: Any, field: str) -> None:
    if not isinstance(value, str):
        refuse(field, f"must be a text, not {type(value).__name__}")
    # Repeats the first test of `too_long`: most texts are short, and a call would cost more than the rest.
    if len(value) * 4 > CONTENT_BYTES and too_long(value):
        refuse(field, f"is longer than {CONTENT_BYTES} bytes of UTF-8; cut it or send it by reference")


def _map(constraints: tuple[Any, ...]) -> Check:
    most = _bounds(constraints)["max"]

    def check(value: Any, field: str) -> None:
        if not isinstance(value, dict):
            refuse(field, f"must be a dict of texts, not {type(value).__name__}")
        if len(value) > most:
            refuse(field, f"has {len(value)} entries; {most} are allowed")
        for key, item in value.items():
            _content(key, f"{field}'s key")
            _content(item, f"{field}[{shown(key)}]")

    return check


def _list(item_check: Check, constraints: tuple[Any, ...]) -> Check:
    bounds = _bounds(constraints)
    least, most = bounds.get("min", 0), bounds.get("max", inf)

    def check(value: Any, field: str) -> None:
        if not isinstance(value, list):
            refuse(field, f"must be a list, not {type(value).__name__}")
        if not least <= len(value) <= most:
            allowed = f"{least} or more" if most == inf else f"{least} to {most}"
            refuse(field, f"takes {allowed} items, not {len(value)}")
        for item in value:
            item_check(item, field)

    return check


def _symbol(symbols: tuple[str, ...]) -> Check:
    allowed = frozenset(symbols)

    def check(value: Any, field: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            refuse(field, f"must be one of {', '.join(sorted(allowed))}, not {shown(value)}")

    return check


def _whole(constraints: tuple[Any, ...]) -> Check:
    bounds = _bounds(constraints)
    least, below = bounds.get("ge", -_LONG), min(bounds.get("lt", _LONG), _LONG)

    def check(value: Any, field: str) -> None:
        # Compares types, because True and False are instances of int.
        if type(value) is not int or not least <= value < below:
            above = f", below {below}" if below < _LONG else ""
            refuse(field, f"must be a whole number from {least}{above}, not {shown(value)}")

    return check


def _number(constraints: tuple[Any, ...]) -> Check:
    bounds = _bounds(constraints)
    least, most = bounds.get("ge", -inf), bounds.get("le", inf)

    def check(value: Any, field: str) -> None:
        # A float ends at about 1.8e308; an int does not, and then `isfinite` itself raises.
        if type(value) not in (float, int) or not -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT:
            refuse(field, f"must be a finite number, not {shown(value)}")
        if not least <= value <= most:
            refuse(field, f"must lie between {least} and {most}, not at {shown(value)}")

    return check


def _flag(_constraints: tuple[Any, ...]) -> Check:
    def check(value: Any, field: str) -> None:
        if value is not True and value is not False:
            refuse(field, f"must be True or False, not {shown(value)}")

    return check


def _moment(value: Any, field: str) -> None:
    if type(value) is not int:
        refuse(field, f"must be microseconds since 1970 as an int, not {shown(value)}")
    problem = time_problem(value)
    if problem is not None:
        refuse(field, problem)
