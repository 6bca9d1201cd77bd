"""The SQL files in `sql/`."""

from importlib.resources import files
from string import Template


def sql(name: str, **parts: str) -> str:
    """The text of `sql/<name>.sql` with its parts filled in. The head of the file lists them."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(parts)
