"""The page of settings."""

from importlib.metadata import entry_points
from typing import Any

from plaudit_schemas.settings.loading import GROUP
from plaudit_schemas.settings.model import Settings, shown, variable_of
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generators.markdown import code, page, table


def render() -> str:
    """Every setting of every member."""
    intro = (
        "Each setting is a flag of the commands that use it, and an environment variable. The flag wins over "
        "the variable, the variable over what a running `plaudit up` left in the data folder, and that over "
        "the default. A variable that begins with `PLAUDIT_` but is no setting is an error. `plaudit config` "
        "prints all values and their origins. `PLAUDIT_DATA` names the data folder of `plaudit up`."
    )
    parts = [intro]
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        parts += [f"## {point.name.replace('_', ' ').capitalize()}", _table(point.load())]
    return page("Settings", *parts)


def _table(cls: type[Settings]) -> str:
    rows = [
        [code(variable_of(name)), _default(field), _bounds(field), field.description or ""]
        for name, field in cls.model_fields.items()
    ]
    return table(["variable", "default", "allowed", "meaning"], rows)


def _default(field: FieldInfo) -> str:
    return "" if field.default is PydanticUndefined else code(shown(field.default))


def _bounds(field: FieldInfo) -> str:
    """The smallest and the largest value, or the values, where the model says so."""
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(code(choice) for choice in choices)
    found: dict[str, Any] = {}
    for constraint in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            value = getattr(constraint, name, None)
            if value is not None:
                found[name] = value
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return ", ".join(f"{words[name]} {value}" for name, value in found.items())
