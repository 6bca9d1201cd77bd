"""Words for what is wrong with files that people write. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel

from plaudit_schemas.contract.printable import printable

_LONGEST: Final = 160
"""Characters of a name or a value that are shown."""
_ALIKE: Final = 0.75


def shown(part: object) -> str:
    """A part of a file in a form that cannot control a terminal."""
    safe = printable(str(part))
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}..."


def choices(given: str, known: Iterable[str]) -> str:
    """What may be written instead: the name that is most like the given one, or all of them."""
    names = list(known)
    near = get_close_matches(given.casefold(), names, 1, _ALIKE)
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(names)}"


def literal_text(given: object, expected: str) -> str:
    """What is wrong with a value of which only some are allowed.

    Args:
        expected: those, as pydantic lists them.
    """
    allowed = expected.replace("'", "").replace(" or ", ", ").split(", ")
    if len(allowed) == 1:
        return f"must be {allowed[0]}, without quotes"
    return f"{shown(given)} is not allowed; {choices(str(given), allowed)}"


def no_text(given: object) -> str:
    """What is wrong with a value that must be a text."""
    if given is None:
        return "is empty"
    read = {True: "true", False: "false"}[given] if isinstance(given, bool) else shown(given)
    return f"must be a text, and YAML reads it as {read}; put it in quotes"


def fields_beside(place: Iterable[int | str], model: type[BaseModel]) -> list[str]:
    """The known fields of the mapping that holds a field.

    Args:
        place: of the field, without the field itself.
        model: of the whole file.
    """
    for part in place:
        field = model.model_fields.get(str(part))
        inner = _models_in(field.annotation) if field else []
        model = inner[0] if inner else model
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for argument in getattr(annotation, "__args__", ()) for one in _models_in(argument)]
