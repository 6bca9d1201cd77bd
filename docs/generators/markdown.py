"""Markdown in pieces."""

from collections.abc import Iterable, Sequence


def page(title: str, *parts: str) -> str:
    """A page: its title and its parts, with a blank line between."""
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells may hold Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """A piece of code within a sentence; nothing for the empty text."""
    return f"`{text}`" if str(text) else ""


def block(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
