"""Load settings from flags, the environment and the local stack."""

import json
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import ValidationError

from plaudit_schemas.compiled import SWITCH as COMPILED_SWITCH
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings.model import (
    DATA_VARIABLE,
    PREFIX,
    Settings,
    data_folder,
    shown,
    variable_of,
)

GROUP = "plaudit.settings"
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting, its value with secrets masked, and the place that the value came from."""

    variable: str
    value: str
    origin: str
    help: str


def load(cls: type[S], arguments: Namespace | None = None, environ: Mapping[str, str] | None = None) -> S:
    """Load the settings `cls` from flags, environment and local stack.

    Args:
        arguments: parsed by a parser that `add_arguments` prepared; None loads without flags.
        environ: None takes `os.environ`.

    Raises:
        SettingsError: a value is not valid, a `PLAUDIT_*` variable is unknown, or the file of the local
            stack cannot be read.
    """
    environ = os.environ if environ is None else environ
    refuse_unknown(environ)
    values = {name: value for name, (value, _) in _given(cls, arguments, environ).items()}
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else cls.__name__
        text = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable_of(field)}: {text}; see `plaudit config`") from None


def origins(classes: Iterable[type[Settings]], environ: Mapping[str, str] | None = None) -> list[Origin]:
    """Every setting of `classes` with its value, secrets masked, and where the value came from.

    Raises:
        SettingsError: as `load`.
    """
    environ = os.environ if environ is None else environ
    result = []
    for cls in classes:
        given, loaded = _given(cls, None, environ), load(cls, None, environ)
        for name, field in cls.model_fields.items():
            origin = given[name][1] if name in given else "default"
            value = getattr(loaded, name)
            result.append(Origin(variable_of(name), shown(value), origin, field.description or ""))
    return result


@cache
def installed() -> tuple[type[Settings], ...]:
    """The settings classes of every installed member, from the entry point group `plaudit.settings`."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(point.load() for point in points)


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a `PLAUDIT_*` variable that no installed member knows."""
    # All members count, not only the running one: they share one environment.
    known = {variable_of(name) for cls in installed() for name in cls.model_fields}
    known |= {DATA_VARIABLE, COMPILED_SWITCH}
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in known:
            nearest = get_close_matches(variable, known, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else "`plaudit config` lists the settings"
            raise SettingsError(f"{variable} is not a setting; {hint}")


def local_stack(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that a running `plaudit up` left in the data folder; empty if none is running.

    Raises:
        SettingsError: the file exists but cannot be read.
    """
    path = data_folder(environ) / "stack.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in document["settings"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}); run `plaudit down` and `plaudit up` again"
        ) from None


def _given(
    cls: type[Settings], arguments: Namespace | None, environ: Mapping[str, str]
) -> dict[str, tuple[Any, str]]:
    stack = local_stack(environ)
    given: dict[str, tuple[Any, str]] = {}
    for name in cls.model_fields:
        variable = variable_of(name)
        flag = getattr(arguments, f"setting_{name}", None)
        if flag is not None:
            given[name] = flag, "command line"
        elif variable in environ:
            given[name] = environ[variable], "environment"
        elif variable in stack:
            given[name] = stack[variable], "local stack"
    return given
