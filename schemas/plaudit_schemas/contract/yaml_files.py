"""Reads files of settings in YAML."""

from pathlib import Path
from typing import Any

import yaml

from plaudit_schemas.contract.aspect_file_problems import yaml_problem
from plaudit_schemas.contract.yaml_text import load_yaml
from plaudit_schemas.errors import SettingsError


def read_yaml_object(path: Path, what: str, fields: str) -> dict[Any, Any]:
    """The object that a file holds.

    Args:
        what: names the file in errors.
        fields: those that it must have, for an error.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
    """
    try:
        document = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{what} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{what} is not text in UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{what} cannot be read: {yaml_problem(error)}") from None
    except RecursionError:
        raise SettingsError(f"{what} cannot be read: it is nested too deeply") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{what} is not valid: it must have {fields}")
    return document
