"""Settings as flags of a command."""

from argparse import ArgumentParser

from pydantic_core import PydanticUndefined

from plaudit_schemas.settings.model import Settings, shown, variable_of


def add_arguments(parser: ArgumentParser, *classes: type[Settings]) -> None:
    """Add a flag for each setting; its help names the variable and the default."""
    group = parser.add_argument_group("settings (each may also be set in the environment)")
    for cls in classes:
        for name, field in cls.model_fields.items():
            unset = field.default in (None, PydanticUndefined)
            default = "" if unset else f"; default {shown(field.default)}"
            text = f"{field.description or name} [{variable_of(name)}{default}]".replace("%", "%%")
            group.add_argument(
                "--" + name.replace("_", "-"), dest=f"setting_{name}", metavar="VALUE", help=text
            )
