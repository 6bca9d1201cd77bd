"""The cookie that keeps a visitor's conversation: a ULID, and a signature where tokens depend on it."""

import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final

_ULID: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_SIGNATURE_BYTES: Final = 16


def cookie_value(conversation_id: str, secret: bytes | None) -> str:
    """The cookie's value for a conversation."""
    if secret is None:
        return conversation_id
    digest = hmac.digest(secret, b"plaudit-conversation:" + conversation_id.encode(), "sha256")
    return f"{conversation_id}.{urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode().rstrip('=')}"


def conversation_of_cookie(value: str, secret: bytes | None) -> str | None:
    """The conversation that a cookie names; None if `cookie_value` did not make it with this secret."""
    conversation_id = value.partition(".")[0]
    if not _ULID.fullmatch(conversation_id):
        return None
    expected = cookie_value(conversation_id, secret)
    return conversation_id if hmac.compare_digest(value.encode(), expected.encode()) else None


def cookie_of_header(header: str, name: str) -> str | None:
    """The value of a cookie in a Cookie header."""
    for part in header.split(";"):
        found, _, value = part.strip().partition("=")
        if found == name:
            return value.strip('"')
    return None


def set_cookie_header(name: str, value: str, *, path: str, secure: bool) -> str:
    """The Set-Cookie header. The cookie lasts until the browser closes, and scripts cannot read it."""
    return f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
