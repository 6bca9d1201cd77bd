"""Texts and ids that fit the contract, made from those that do not.

What does not fit is changed in the same way each time, so that an id still names the same thing.
"""

import hashlib
from typing import Final

from plaudit_schemas.contract.field_types import too_long
from plaudit_schemas.contract.limits import CONTENT_BYTES, ID_CHARACTERS

CUT_MARK: Final = "\n[cut: the text is too long for an event]"
_HASH_CHARACTERS: Final = 32


def fitting_text(text: str, most: int = CONTENT_BYTES) -> str:
    """A text of at most `most` bytes of UTF-8.

    A longer one loses its end and gets a mark. What UTF-8 cannot encode is replaced; see `encodable`.
    """
    text = encodable(text)
    if most == CONTENT_BYTES and not too_long(text):
        return text
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: max(0, most - len(CUT_MARK))].decode(errors="ignore") + CUT_MARK


def fitting_id(text: str | None) -> str | None:
    """An id, its end replaced by a hash if it is too long; None for an empty one."""
    if not text:
        return None
    text = encodable(text)
    if len(text) <= ID_CHARACTERS:
        return text
    hashed = hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{text[: ID_CHARACTERS - _HASH_CHARACTERS - 1]}~{hashed}"


def encodable(text: str) -> str:
    """A text that UTF-8 can encode: two halves of a surrogate pair are joined, and a lone half becomes �."""
    if is_encodable(text):
        return text
    return text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace")


def is_encodable(text: str) -> bool:
    """Whether UTF-8 can encode a text: it holds no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
