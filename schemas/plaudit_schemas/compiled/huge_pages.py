"""Huge pages for processes that hold many small objects.

A worker holds some hundred megabytes of small dicts, and touches them in no order. With pages of 4 KiB the
processor spends a third of the time on finding where each page is. Python takes memory in arenas; here it
takes them from regions that the kernel may back with pages of 2 MiB.
"""

from importlib import import_module

from plaudit_schemas.compiled import FINDERS


def use_huge_pages() -> bool:
    """Take the memory for small objects from huge pages from now on. Call it early, and once.

    Memory that was used for small objects then stays with the process, for objects to come.

    Returns:
        False without compiled modules, or on another system than Linux with glibc. Nothing changes then.
    """
    finder = FINDERS.get("plaudit_schemas")
    if finder is None or not finder.has_modules:
        return False
    taken_over: bool = import_module("plaudit_schemas.compiled.arenas").take_over()
    return taken_over
