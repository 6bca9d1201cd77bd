"""Links of a document that is read in the repository and on the site.

In the repository a link is relative to the file. On the site a page may lie elsewhere. Files of code are not
on the site: the text names them instead.
"""

import posixpath
import re

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def for_site(text: str, source: str, page: str, moved: dict[str, str]) -> str:
    """The text with its links as the site needs them.

    Args:
        source: the document's path in the repository.
        page: its path within the site.
        moved: path in the repository -> path within the site, for documents outside `docs/`.
    """

    def replaced(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return match[0]
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        inside = moved.get(found) or _in_docs(found)
        if inside is None:
            return _named(label, found)
        there = posixpath.relpath(inside, posixpath.dirname(page) or ".")
        return f"{image}[{label}]({there}{'#' + anchor if anchor else ''})"

    return _LINK.sub(replaced, text)


def _in_docs(path: str) -> str | None:
    if path == "docs/decisions":
        return "decisions/index.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def _named(label: str, path: str) -> str:
    plain = label.strip("`")
    return f"`{path}`" if plain.rstrip("/") in path else f"{label} (`{path}`)"
