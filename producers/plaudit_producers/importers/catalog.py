"""Finds the installed formats, in the entry point group `plaudit.importers`."""

from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Final

from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.formats import Format

GROUP: Final = "plaudit.importers"


def formats() -> dict[str, Format]:
    """Load all installed formats. Returns them by name, sorted."""
    found: list[Format] = [point.load() for point in entry_points(group=GROUP)]
    return {form.name: form for form in sorted(found, key=lambda form: form.name)}


def find_format(name: str) -> Format:
    """Return the format of this name.

    Raises:
        NotFoundError: no installed format has this name.
    """
    found = formats()
    if name not in found:
        nearest = get_close_matches(name, found, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"the formats are {', '.join(found)}"
        raise NotFoundError(f"there is no format {name}; {hint}")
    return found[name]
