"""The modules of all members, for what is found by looking through them."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

MEMBERS = (
    "plaudit_schemas",
    "plaudit_producers",
    "plaudit_stream_processors",
    "plaudit_consumers",
    "plaudit_infra",
)


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of every member, imported."""
    return tuple(_modules())


def _modules() -> Iterator[ModuleType]:
    for name in MEMBERS:
        member = import_module(name)
        yield member
        for found in walk_packages(member.__path__, f"{name}."):
            yield import_module(found.name)


def member_of(module: str) -> str:
    """The member that a module belongs to, as its folder is called."""
    return module.partition(".")[0].removeprefix("plaudit_")
