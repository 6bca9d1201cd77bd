"""Texts of other people in a form that a terminal can show: they move no cursor and forge no line. Pure."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

LONGEST: Final = 4_000
"""Characters of one text that are shown."""
_KEPT: Final = frozenset(
    "\n\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
    "\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}"
)
"""Line breaks stay, and so do joiners and marks, without which Persian, Arabic, Hebrew and some emoji read
differently. Marks reorder no other text, unlike embeddings, overrides and isolates."""


def readable(text: str, longest: int = LONGEST) -> str:
    """A text with every control character written out, and cut after `longest` characters.

    Line breaks stay: whoever prints it must set its lines apart from lines of their own.
    """
    shown = "".join(map(_shown, text[:longest].replace("\r\n", "\n")))
    more = len(text) - longest
    return shown + (f" ... ({more:,} more characters)" if more > 0 else "")


def _shown(char: str) -> str:
    if char.isprintable() or char in _KEPT:
        return char
    if char == "\t":
        return "    "
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode()


def read_message(message: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """A message of a row. In subsets with tools it is JSON, of which readers of Parquet give the text."""
    read: Mapping[str, Any] = json.loads(message) if isinstance(message, str) else message
    return read


def message_text(message: Mapping[str, Any]) -> str:
    """What a message says: its content, then its tool calls, one on a line."""
    parts = [message["content"]] if message.get("content") else []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or call
        arguments = function.get("arguments")
        told = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        parts.append(f"-> {function.get('name')}({told})")
    return "\n".join(parts)
