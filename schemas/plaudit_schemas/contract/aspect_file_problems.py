"""Says in the words of its author what is wrong with a file of declared aspects. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.problem_texts import choices, literal_text, no_text, shown

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

_QUOTES: Final = "put the text into quotes"
_YAML_HINTS: Final = {
    "mapping values are not allowed here": "put a text with a colon into quotes, and look at the indentation",
    "cannot start any token": _QUOTES,
    "expected ',' or ": "close the bracket, or put a text with signs of YAML into quotes",
    "expected the node content": _QUOTES,
    "expected <block end>": "look at the indentation and the quotes here",
    "could not determine a constructor": _QUOTES,
}
"""Part of what PyYAML says of a mistake that people make -> what to do."""


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a text that is no YAML, with its line if it has one."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return shown(" ".join(str(error).split()))
    text = shown(error.problem)
    if error.context == "expected a single document in the stream":
        text = "a second document begins; keep the first one only"
    if error.context == "while scanning an alias":
        text = 'a * without quotes is an alias of YAML; write "*"'
    hint = next((hint for part, hint in _YAML_HINTS.items() if part in text), "")
    return f"line {error.problem_mark.line + 1}: {text}{hint and '; '}{hint}"


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
            place.append(shown(part if name is None else name))
    text = _text(first)
    return f"{'.'.join(place)}: {text}" if place else text


def _text(first: ErrorDetails) -> str:
    kind, given = first["type"], first["input"]
    if kind == "extra_forbidden":
        known = _OF_THE_FILE if len(first["loc"]) == 1 else _OF_AN_ASPECT
        return f"there is no such field; {choices(str(first['loc'][-1]), known)}"
    if kind == "literal_error":
        return literal_text(given, first["ctx"]["expected"])
    if kind == "string_type":
        return no_text(given)
    return _TEXTS.get(kind, first["msg"].removeprefix("Value error, "))


def _within(node: Any, part: Any) -> Any:
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        return None
