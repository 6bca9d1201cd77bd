"""The SQL files in `sql/`, and the names of data files in queries."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from string import Template


def sql(name: str, **parts: str) -> str:
    """The text of `sql/<name>.sql` with its parts filled in. The head of the file lists them."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(parts)


def literal_paths(paths: Iterable[Path | str]) -> list[str]:
    """The paths, escaped for `read_parquet`, which takes `*`, `?` and `[` for patterns."""
    return [re.sub(r"([*?\[])", r"[\1]", str(path)) for path in paths]


def packed(columns: Iterable[str], table: str = "") -> str:
    """An SQL expression that packs columns, of one of several tables, into a struct under their own names."""
    prefix = f"{table}." if table else ""
    return "struct_pack(" + ", ".join(f'"{name}" := {prefix}"{name}"' for name in columns) + ")"


def columns(names: Iterable[str], table: str = "") -> str:
    """Columns, of one of several tables, as a list of SQL."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)
