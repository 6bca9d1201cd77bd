"""The base of every member's settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Secret, SecretStr

PREFIX = "PLAUDIT_"
DATA_VARIABLE = "PLAUDIT_DATA"


class Settings(BaseModel):
    """Base of every member's settings; a secret is a SecretStr or a Secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def variable_of(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def shown(value: Any) -> str:
    """A value as it may be printed: secrets are masked, and nothing is the empty text."""
    if isinstance(value, (SecretStr, Secret)):
        return str(value) if value.get_secret_value() else ""
    return "" if value is None else str(value)
