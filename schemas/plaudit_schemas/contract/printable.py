"""Texts of other people in a form that cannot control the terminal, a log or the line they stand on."""

import unicodedata
from typing import Final

_BLANKS: Final = "Zs"  # the category of spaces, such as one that does not break


def printable(text: str) -> str:
    """A text on one line, in which what is not printable is written out: `\\n`, `\\x1b`, `\\u202e`.

    An id may hold a line break, which would forge a line, a sequence that moves the cursor, or an override
    that lets the text after it run backwards. Whatever prints an id, a name or a detail prints this of it.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    if unicodedata.category(char) == _BLANKS:
        return " "
    return char.encode("unicode_escape").decode()
