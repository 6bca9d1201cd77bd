"""What a store of API keys says, and what of it counts. Pure.

A book is also the content of a key file and of a backup.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from plaudit_producers.gateway.access.api_keys import ApiKey
from plaudit_producers.gateway.errors import KeyStoreError

ApiKeys = Mapping[str, ApiKey]
"""Key id -> key."""


class KeyBook(NamedTuple):
    """What a store says.

    Attributes:
        keys: those that are valid; none of them is in `revoked`.
        revoked: ids of keys that nobody gets in with any more, whatever another store or a backup says.
        names_revoked: whether every key that was revoked is in `revoked`. Earlier releases only removed it.
        unreadable: why keys of the store cannot be read by this release.
    """

    keys: ApiKeys
    revoked: frozenset[str] = frozenset()
    names_revoked: bool = True
    unreadable: tuple[str, ...] = ()


EMPTY: Final = KeyBook({})


def merged(book: KeyBook, other: KeyBook) -> KeyBook:
    """Both books in one. Of two keys with one id the first counts; what either has revoked is revoked."""
    revoked = book.revoked | other.revoked
    keys = {**book.keys, **{key_id: other.keys[key_id] for key_id in other.keys if key_id not in book.keys}}
    return KeyBook(
        {key_id: key for key_id, key in keys.items() if key_id not in revoked},
        revoked,
        book.names_revoked and other.names_revoked,
        book.unreadable + other.unreadable,
    )


def lacking(book: KeyBook, wanted: KeyBook) -> KeyBook:
    """What `book` needs to become `merged(book, wanted)`."""
    gone = book.revoked | wanted.revoked
    return KeyBook(
        {
            key_id: key
            for key_id, key in wanted.keys.items()
            if key_id not in book.keys and key_id not in gone
        },
        wanted.revoked - book.revoked,
    )


def lost_keys(known: ApiKeys, book: KeyBook) -> ApiKeys:
    """The known keys that a book lacks, although nobody has revoked them."""
    if not book.names_revoked and book.keys:
        return {}  # an earlier release revokes a key by removing it
    return {
        key_id: key for key_id, key in known.items() if key_id not in book.keys and key_id not in book.revoked
    }


def book_text(book: KeyBook) -> bytes:
    """A book as JSON, without any secret."""
    document = {"keys": [key_document(key) for key in book.keys.values()], "revoked": sorted(book.revoked)}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def read_book(text: bytes, place: str) -> KeyBook:
    """The book that a JSON text holds.

    Args:
        place: where it stands, for the error.

    Raises:
        KeyStoreError: the text holds something else.
    """
    try:
        document = orjson.loads(text)
        keys = [ApiKey.model_validate(row) for row in document["keys"]]
        revoked = document.get("revoked")
        return _book(keys, revoked)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        problem = str(error).splitlines()[0]
        raise KeyStoreError(f"{place} holds no API keys that can be read ({problem})") from None


def key_document(key: ApiKey) -> dict[str, Any]:
    """A key as JSON, without what is not set: earlier gateways refuse fields that they do not know."""
    return key.model_dump(mode="json", exclude_none=True)


def _book(keys: Iterable[ApiKey], revoked: list[Any] | None) -> KeyBook:
    gone = frozenset(map(str, list(revoked or ())))
    return KeyBook({key.id: key for key in keys if key.id not in gone}, gone, revoked is not None)
