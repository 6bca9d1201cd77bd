"""Says in the words of its author what is wrong with a file of declared aspects. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plaudit_schemas.contract.aspect_declaration import AspectDeclaration

_LONGEST: Final = 160
"""Characters of a name or a value that are shown."""
_ALIKE: Final = 0.75
_OF_THE_FILE: Final = ("version", "applications")
_OF_AN_ASPECT: Final = tuple(AspectDeclaration.model_fields)
_TEXTS: Final = {
    "missing": "is missing",
    "list_type": "must be a list; write - before each aspect, or [] for none",
    "tuple_type": "must be a list, such as [a, b]",
    "dict_type": "must have the names of applications, each with a list of aspects",
    "model_type": "must be an aspect with its fields, such as `name` and `kinds`",
    "too_short": "is empty; name at least one",
    "finite_number": "must be a finite number",
    "float_type": "must be a number, without quotes",
    "string_pattern_mismatch": (
        'cannot be the name of an application; use up to 128 of A-Z, a-z, 0-9, ".", "_" and "-", or "*" for '
        "all others"
    ),
}


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a text that is no YAML, with its line if it has one."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _shown(" ".join(str(error).split()))
    text = _shown(error.problem)
    if error.context == "expected a single document in the stream":
        text = "a second document begins; keep the first one only"
    if error.context == "while scanning an alias":
        text = 'a * without quotes is an alias of YAML; write "*" for all other applications'
    return f"line {error.problem_mark.line + 1}: {text}"


def format_problem(error: ValidationError, document: Mapping[str, Any]) -> str:
    """Where a document breaks the format first, and what to write there.

    Args:
        document: what was checked.
    """
    first = error.errors()[0]
    node, place = document, []
    for part in first["loc"]:
        node = _within(node, part)
        # An aspect is named as people know it, not by its number in the list.
        name = node.get("name") if isinstance(node, dict) and isinstance(part, int) else None
        if part != "[key]":
            place.append(_shown(part if name is None else name))
    text = _text(first)
    return f"{'.'.join(place)}: {text}" if place else text


def _text(first: ErrorDetails) -> str:
    kind, given = first["type"], first["input"]
    if kind == "extra_forbidden":
        known = _OF_THE_FILE if len(first["loc"]) == 1 else _OF_AN_ASPECT
        return f"there is no such field; {_choices(str(first['loc'][-1]), known)}"
    if kind == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        if len(allowed) == 1:
            return f"must be {allowed[0]}, without quotes"
        return f"{_shown(given)} is not allowed; {_choices(str(given), allowed)}"
    if kind == "string_type":
        if given is None:
            return "is empty"
        read = {True: "true", False: "false"}[given] if isinstance(given, bool) else _shown(given)
        return f"must be a text, and YAML reads it as {read}; put it in quotes"
    return _TEXTS.get(kind, first["msg"].removeprefix("Value error, "))


def _choices(given: str, known: Any) -> str:
    near = get_close_matches(given.casefold(), known, 1, _ALIKE)
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}"


def _shown(part: object) -> str:
    """A part of the file in a form that cannot control a terminal."""
    text = str(part)
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}..."


def _within(node: Any, part: Any) -> Any:
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        return None
