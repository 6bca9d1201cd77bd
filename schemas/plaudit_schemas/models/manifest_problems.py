"""Says in the words of its author what is wrong with a manifest: of a model, or of an encoder. Pure."""

from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plaudit_schemas.contract.problem_texts import fields_beside, no_text, shown
from plaudit_schemas.models.manifest import NAME_PATTERN, SHA256_PATTERN

_TEXTS: Final = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "too_short": "is empty; list at least one",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "tuple_type": "must be a list",
    "timezone_aware": "must have a time zone, such as 2026-01-31T12:00:00Z",
}
_PATTERNS: Final = {
    NAME_PATTERN: 'must have 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and begin with a letter or digit',
    SHA256_PATTERN: "must be a sha256: 64 of 0-9 and a-f",
}


def manifest_problem(error: ValidationError, manifest: type[BaseModel]) -> str:
    """What is wrong first, with its place.

    Args:
        manifest: what the fields were checked against.
    """
    found = error.errors()
    # A field whose name is mistyped is missing, too, and its wrong name says more.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    place = ".".join(shown(part) for part in first["loc"] if part != "[key]")
    text = _text(first, manifest)
    return f"{place}: {text}" if place else text


def _text(first: ErrorDetails, manifest: type[BaseModel]) -> str:
    kind, given = first["type"], first["input"]
    if kind == "extra_forbidden":
        near = get_close_matches(str(first["loc"][-1]), fields_beside(first["loc"][:-1], manifest), n=1)
        return "there is no such field" + (f"; did you mean {near[0]}?" if near else "; remove it")
    if given is None:
        return "has no value; write one, or remove the line"
    if kind == "string_pattern_mismatch":
        pattern = first["ctx"]["pattern"]
        return _PATTERNS.get(pattern, f"must match {pattern}")
    if kind == "string_type":
        return no_text(given)
    return _TEXTS.get(kind, first["msg"].removeprefix("Value error, "))
