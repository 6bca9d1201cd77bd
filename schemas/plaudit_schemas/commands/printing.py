"""What commands of several members print alike."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime

from plaudit_schemas.contract.printable import printable


def time_text(ms: int) -> str:
    """A time of the broker, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines in which columns stand below each other; the last column may have any length."""
    shown = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in list(zip(*shown, strict=True))[:-1]]
    return [
        "  ".join([*(f"{text:<{width}}" for text, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in shown
    ]


def user_name() -> str | None:
    """The user of this machine; None if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return None
