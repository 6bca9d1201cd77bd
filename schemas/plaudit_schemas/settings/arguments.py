"""Command-line flags for settings."""

import argparse
from argparse import ArgumentParser
from collections.abc import Collection
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from plaudit_schemas.settings.model import Settings, shown, variable_of

_TITLE = "settings (each may also be set in the environment)"


def add_arguments(parser: ArgumentParser, *classes: type[Settings], main: Collection[str]) -> None:
    """Add a flag for each setting of `classes`, and `--help-settings`, which lists all of them.

    Args:
        main: the two or three settings that `--help` shows, each with its variable and its default.

    Raises:
        ValueError: a name in `main` is not a setting of these classes.
    """
    fields = {name: field for cls in classes for name, field in cls.model_fields.items()}
    unknown = set(main) - set(fields)
    if unknown:
        raise ValueError(f"no setting of this command: {', '.join(sorted(unknown))}")
    group = parser.add_argument_group(_TITLE)
    # argparse prints flags in the order in which they were added, so the main ones come first.
    for name in sorted(fields, key=lambda name: name not in main):
        _add(group, name, fields[name], visible=name in main)
    group.add_argument(
        "--help-settings",
        action=_HelpSettings,
        fields=fields,
        help=f"show all {len(fields)} settings and exit",
    )


def _add(group: Any, name: str, field: FieldInfo, *, visible: bool) -> None:
    text = _help(name, field) if visible else argparse.SUPPRESS
    flags = [*_other_flags(field), "--" + name.replace("_", "-")]
    group.add_argument(*flags, dest=f"setting_{name}", metavar="VALUE", help=text)


def _other_flags(field: FieldInfo) -> list[str]:
    """Further names of a setting's flag, from `json_schema_extra={"flags": [...]}` of the field."""
    extra = field.json_schema_extra
    flags = extra.get("flags", []) if isinstance(extra, dict) else []
    return [str(flag) for flag in flags] if isinstance(flags, list) else []


def _help(name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, PydanticUndefined) else shown(field.default)
    told = f"; default {default}" if default else ""
    # argparse formats help texts with %, so a literal % must be doubled.
    return f"{field.description or name} [{variable_of(name)}{told}]".replace("%", "%%")


class _HelpSettings(argparse.Action):
    """Prints every setting of a command and exits, as `--help` does."""

    def __init__(self, *, fields: dict[str, FieldInfo], **options: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, dest=argparse.SUPPRESS, **_known(options))
        self._fields = fields

    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        # A parser of its own: the command's parser suppresses the help of most settings.
        listed = ArgumentParser(prog=parser.prog, usage=argparse.SUPPRESS, add_help=False)
        group = listed.add_argument_group(f"{parser.prog}: {_TITLE}")
        for name, field in self._fields.items():
            _add(group, name, field, visible=True)
        listed.print_help()
        parser.exit()


def _known(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("dest", "default", "nargs")}
