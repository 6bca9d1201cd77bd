"""Mermaid's diagrams as pictures, so that a reader's browser need not load Mermaid from anywhere."""

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import mermaidx

_FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^\s*accTitle: *(.+)$", re.MULTILINE)
_THEMES = {"light": "default", "dark": "dark"}


class Picture(NamedTuple):
    """One diagram in one look; the path is within the site."""

    path: str
    svg: str


def drawn(text: str, up: str) -> tuple[str, list[Picture]]:
    """The text with images in place of its diagrams, and the images.

    Args:
        up: the way from the page's folder to the site's root, such as `../` or nothing.

    Raises:
        ValueError: a diagram has no `accTitle`, which is what a screen reader says.
    """
    pictures = list(_pictures(text))

    def images(match: re.Match[str]) -> str:
        return "\n".join(
            f"![{_title(match[1])}]({up}{_path(match[1], look)}#only-{look})" for look in _THEMES
        )

    return _FENCE.sub(images, text), pictures


def _pictures(text: str) -> Iterator[Picture]:
    for source in _FENCE.findall(text):
        for look, theme in _THEMES.items():
            yield Picture(_path(source, look), mermaidx.render(source, theme=theme).svg())


def _path(source: str, look: str) -> str:
    return f"images/diagram-{hashlib.sha256(source.encode()).hexdigest()[:12]}-{look}.svg"


def _title(source: str) -> str:
    found = _TITLE.search(source)
    if found is None:
        raise ValueError(f"a diagram needs a line `accTitle: what it shows`: {source[:80]}")
    return found[1]
