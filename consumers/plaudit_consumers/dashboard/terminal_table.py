"""A table of the terminal view: the first lines of many, and how many there are. Pure."""

from collections.abc import Sequence
from typing import Final

from plaudit_schemas.contract.printable import printable
from rich.table import Table
from rich.text import Text

_ROWS: Final = 12


def first_lines(
    title: str, names: Sequence[str], numbers: Sequence[str], lines: Sequence[Sequence[str]], most: str
) -> Table:
    """The table of the first lines.

    Args:
        names: the columns of text, which may be folded.
        numbers: the columns after them, which are not.
        lines: the cells of each line, those with most of something first.
        most: what that is.
    """
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for cells in lines[:_ROWS]:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    if len(lines) > _ROWS:
        table.caption, table.caption_justify = f"the {_ROWS} with the most {most} of {len(lines)}", "left"
    return table
