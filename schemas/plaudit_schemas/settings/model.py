"""The base of every member's settings."""

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


def shown(value: Any) -> str:
    """A value as text with secrets masked. None and an empty secret are the empty string."""
    if isinstance(value, (SecretStr, Secret)):
        # An empty secret is not masked, or an unset password would look as if it were set.
        return str(value) if value.get_secret_value() else ""
    return "" if value is None else str(value)
