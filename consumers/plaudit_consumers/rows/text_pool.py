"""The texts of a table of canonical rows, and those that are made of them."""

from typing import Any

import pyarrow as pa

from plaudit_consumers.rows.view import TextView


class TextPool:
    """The texts of a ConversationView, followed by joined turns."""

    def __init__(self, texts: TextView) -> None:
        self._texts, self._first = texts, len(texts.strings)
        self._made: list[str] = []
        self._positions: dict[str, int] = {}

    def add(self, text: str) -> int:
        """The position of a text that was made."""
        if text not in self._positions:
            self._positions[text] = self._first + len(self._made)
            self._made.append(text)
        return self._positions[text]

    def text(self, position: int) -> str:
        """A text; an empty one for null."""
        if position >= self._first:
            return self._made[position - self._first]
        return self._texts.strings[position].as_py() or ""

    def buffer(self, position: int) -> Any:
        """The bytes of a text, without a copy where that is possible."""
        if position >= self._first:
            return self._made[position - self._first].encode()
        buffer = self._texts.strings[position].as_buffer()
        return b"" if buffer is None else buffer

    def size(self, position: int) -> int:
        """The length of a text in bytes."""
        return self._texts.sizes[position] if position < self._first else len(self.buffer(position))

    def take(self, positions: Any) -> Any:
        """The texts at an array of positions, as an Arrow array."""
        strings = self._texts.strings
        if self._made:
            strings = pa.concat_arrays([strings, pa.array(self._made, strings.type)])
        return strings.take(pa.array(positions, pa.int64()))
