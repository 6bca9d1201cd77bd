"""Texts that come from people and models, made fit for events. Pure."""

from typing import Final

_FIRST_HALVES: Final = ("\ud800", "\udbff")


def whole_text(text: str) -> str:
    """A text without halves of surrogate pairs, which UTF-8 cannot encode: each becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class PieceJoiner:
    """Makes whole texts of pieces of which one may end with half a surrogate pair."""

    def __init__(self) -> None:
        self._held = ""

    def join(self, piece: str) -> str:
        """What can be shown of a piece now, with what was held back of the last one."""
        text, self._held = self._held + piece, ""
        if text and _FIRST_HALVES[0] <= text[-1] <= _FIRST_HALVES[1]:
            text, self._held = text[:-1], text[-1]
        return whole_text(text)
