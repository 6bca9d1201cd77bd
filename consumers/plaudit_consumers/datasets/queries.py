"""The SQL files of this package, with their parts put in."""

from importlib.resources import files
from string import Template


def sql(name: str, **parts: str) -> str:
    """The text of `sql/<name>.sql`; its head says which parts it takes."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(parts)
