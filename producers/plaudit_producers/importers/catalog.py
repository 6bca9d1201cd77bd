"""The formats that are installed, by the entry point group `plaudit.importers`."""

from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Final

from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.formats import Format

GROUP: Final = "plaudit.importers"


def formats() -> dict[str, Format]:
    """Every format by its name."""
    found: list[Format] = [point.load() for point in entry_points(group=GROUP)]
    return {form.name: form for form in sorted(found, key=lambda form: form.name)}


def find_format(name: str) -> Format:
    """One format.

    Raises:
        NotFoundError: none has that name.
    """
    found = formats()
    if name not in found:
        nearest = get_close_matches(name, found, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(found)}"
        raise NotFoundError(f"no format is called {name}; {hint}")
    return found[name]
