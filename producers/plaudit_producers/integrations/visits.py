"""Which conversation a request belongs to, and what its answer tells the visitor. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.integrations.visitor_cookie import conversation_of_cookie, cookie_of_header

Headers = Iterable[tuple[bytes, bytes]]

_STATIC: Final = (
    "image/",
    "font/",
    "audio/",
    "video/",
    "text/css",
    "text/javascript",
    "application/javascript",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request's conversation. `is_new` says that the visitor has to be told of it."""

    conversation_id: str
    is_new: bool = False


def visit_of(headers: Headers, header: bytes | None, cookie: str | None, secret: bytes | None) -> Visit:
    """The conversation of the header, else of the cookie, else a new one."""
    found = list(headers)
    if header is not None:
        named = _id_of_header(_value_of(found, header))
        if named is not None:
            return Visit(named)
    if cookie is not None:
        # Some clients send several Cookie headers, as HTTP/2 allows.
        for name, line in found:
            value = cookie_of_header(line.decode("latin-1"), cookie) if name == b"cookie" else None
            kept = conversation_of_cookie(value, secret) if value else None
            if kept is not None:
                return Visit(kept)
    return Visit(new_ulid(), is_new=cookie is not None)


def may_set_cookie(method: str, headers: Headers) -> bool:
    """Whether an answer may bring a visitor's cookie: never one that a cache may give to others."""
    found = [(name.lower(), value) for name, value in headers]
    control = _value_of(found, b"cache-control").lower()
    if b"public" in control or b"s-maxage" in control:
        return False
    kind = _value_of(found, b"content-type").decode("latin-1").lower()
    return method not in ("GET", "HEAD") or not kind.startswith(_STATIC)


def _id_of_header(value: bytes) -> str | None:
    """A conversation id from a header; None if it cannot be one."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        return None
    return text if 0 < len(text) <= ID_CHARACTERS and text.isprintable() else None


def _value_of(headers: Headers, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")
