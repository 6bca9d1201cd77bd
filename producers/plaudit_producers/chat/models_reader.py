"""Reads the models file of the chat page."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from plaudit_schemas.contract.yaml_files import read_yaml_object
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.manifest_problems import manifest_problem
from pydantic import ValidationError

from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.responder import BUILTIN_MODELS

_FIELDS: Final = ("version", "models")
_VERSION: Final = 1
_MOST: Final = 1000
_ALIKE: Final = 0.9
"""How alike names of variables must be: many environments have several that end with API_KEY."""


def read_models(path: str | Path | None, environ: Mapping[str, str] | None = None) -> tuple[ChatModel, ...]:
    """The models of a file, in its order. Without a file, two of the built-in responder.

    Args:
        environ: the variables that `api_key_env` names; None takes `os.environ`.

    Raises:
        SettingsError: the file cannot be read, breaks a rule of the format, or names an environment variable
            that is not set.
    """
    if not path:
        return BUILTIN_MODELS
    what = f"the models file {path}"
    models = _models(read_yaml_object(Path(path), what, "`version` and `models`"), what)
    environ = os.environ if environ is None else environ
    for model in models:
        problem = _key_problem(model, environ)
        if problem is not None:
            raise SettingsError(f"{what}: model {model.key}: {problem}")
    return models


def _models(document: Mapping[str, Any], what: str) -> tuple[ChatModel, ...]:
    problem = _problem_of(document)
    if problem is not None:
        raise SettingsError(f"{what} is not valid: {problem}")
    models = []
    for number, given in enumerate(document["models"], 1):
        name = given.get("id", number) if isinstance(given, dict) else number
        try:
            models.append(ChatModel.model_validate(given))
        except ValidationError as error:
            raise SettingsError(
                f"{what} is not valid: model {name}: {manifest_problem(error, ChatModel)}"
            ) from None
    repeated = _repeated(models)
    if repeated is not None:
        raise SettingsError(f"{what} is not valid: {repeated}")
    return tuple(models)


def _problem_of(document: Mapping[str, Any]) -> str | None:
    for name in document:
        if name not in _FIELDS:
            near = get_close_matches(str(name), _FIELDS, n=1)
            return f"there is no field {name}; " + (f"did you mean {near[0]}?" if near else "remove it")
    version, models = document.get("version"), document.get("models")
    if version != _VERSION or isinstance(version, bool):
        return f"version must be {_VERSION}, without quotes"
    if not isinstance(models, list) or not models:
        return "models must be a list of at least one; write - before each model"
    return f"it lists more than {_MOST} models" if len(models) > _MOST else None


def _repeated(models: Sequence[ChatModel]) -> str | None:
    """What two models have in common that tells models apart."""
    for key, count in Counter(model.key for model in models).items():
        if count > 1:
            return f"model {key} is listed twice; give one of them another id or version"
    for name, count in Counter(model.name for model in models).items():
        if count > 1:
            return f"two models are called {name} on the page; give one of them another label"
    return None


def _key_problem(model: ChatModel, environ: Mapping[str, str]) -> str | None:
    if not model.api_key_env:
        return None
    key = environ.get(model.api_key_env, "").strip()
    # Some keys look like names of variables, too, and a key is not repeated.
    which = model.api_key_env if model.api_key_env.isupper() else "that api_key_env names"
    if not key:
        filled = [name for name, value in environ.items() if value.strip()]
        near = get_close_matches(which, filled, n=1, cutoff=_ALIKE)
        hint = f"did you mean {near[0]}?" if near else "set it, or remove api_key_env"
        return f"the environment variable {which} is not set; {hint}"
    if not key.isascii() or not key.isprintable() or " " in key:
        return f"the environment variable {which} holds characters that no key has"
    return None
