"""The base of every member's settings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Secret, SecretStr

PREFIX = "PLAUDIT_"
DATA_VARIABLE = "PLAUDIT_DATA"


class Settings(BaseModel):
    """Base of every member's settings. Secrets are fields of type SecretStr or Secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return PREFIX + field.upper()


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the local servers' data, where `plaudit up` looks too. None takes `os.environ`."""
    return Path((os.environ if environ is None else environ).get(DATA_VARIABLE) or ".plaudit")


def shown(value: Any) -> str:
    """A value as text with secrets masked. None and an empty secret are the empty string."""
    if isinstance(value, (SecretStr, Secret)):
        # An empty secret is not masked, or an unset password would look as if it were set.
        return str(value) if value.get_secret_value() else ""
    return "" if value is None else str(value)
