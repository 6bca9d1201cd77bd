"""Loads what plaudit-infra offers as entry points, where the members that it needs are installed."""

from importlib.metadata import entry_points
from typing import Any


def load_installed(group: str, name: str | None = None) -> list[Any]:
    """The objects of a group of entry points, without those that need a member which is not installed.

    An image has the whole of plaudit-infra, but only the members that it runs.

    Args:
        name: load the entry point of this name only.
    """
    loaded = []
    for point in entry_points(group=group) if name is None else entry_points(group=group, name=name):
        try:
            loaded.append(point.load())
        except ModuleNotFoundError as error:
            name = error.name or ""
            # A missing module inside an installed member is a fault, and is raised.
            if not name.startswith("plaudit_") or "." in name:
                raise
    return loaded
