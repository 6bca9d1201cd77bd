"""Markdown of strangers as HTML that a page may show. Pure."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_LONGEST_RENDERED: Final = 200_000
"""Characters of Markdown. What is longer is shown as it is: a reader must not wait for a parser."""
_MOST_CELLS: Final = 20_000
_MOST_LINKED: Final = 5_000_000
_LINES: Final = re.compile("\r\n?|\n")


def _make() -> MarkdownIt:
    # A line break in a chat is meant as one.
    made = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    made.add_render_rule("image", _show_name)
    return made


def _show_name(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    # A picture would tell its server who reads what.
    token = tokens[index]
    return escape(token.content or str(token.attrs.get("src", "")))


_MARKDOWN: Final = _make()
_PLAIN: Final = _make().disable(["table", "reference"])


def _may_grow(text: str) -> bool:
    """Whether a short text could become a very long page.

    A table fills short rows up to all of its columns, and each use of a reference repeats its address.
    """
    lines = _LINES.split(text)
    cells = len(lines) * (1 + max(line.count("|") for line in lines))
    linked = len(text) * text.count("]") if "]:" in text else 0
    return cells > _MOST_CELLS or linked > _MOST_LINKED


def rendered(text: str) -> str:
    """The HTML of Markdown. HTML in it is shown as text, and pictures as their names; links open apart.

    It is never many times as long: in texts that would make it so, tables and references stay as written.
    """
    if len(text) > _LONGEST_RENDERED:
        return f"<pre>{escape(text, quote=False)}</pre>"
    return nh3.clean(
        (_PLAIN if _may_grow(text) else _MARKDOWN).render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
