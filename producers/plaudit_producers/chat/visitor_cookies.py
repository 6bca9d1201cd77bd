"""The cookie that names a visitor. It is signed, so that nobody can take another's chat."""

import hmac
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import SettingsError

VISITOR_COOKIE: Final = "plaudit_visitor"
COOKIE_AGE_S: Final = 365 * 86_400
SECRET_BYTES: Final = 16
_FORM: Final = re.compile(r"(visitor-[0-9A-Z]{26})\.([0-9a-f]{64})")


class VisitorCookies:
    """Makes and reads cookies of visitors."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def visitor_of(self, cookie: str | None) -> str | None:
        """The visitor's id; None if there is no cookie, or not one of ours."""
        found = _FORM.fullmatch(cookie or "")
        if found is None or not hmac.compare_digest(found[2], self._signature(found[1])):
            return None
        return found[1]

    def new_visitor(self) -> tuple[str, str]:
        """A new visitor's id and cookie."""
        visitor = f"visitor-{new_ulid()}"
        return visitor, f"{visitor}.{self._signature(visitor)}"

    def _signature(self, visitor: str) -> str:
        return hmac.digest(self._secret, visitor.encode(), "sha256").hex()


def cookie_secret(given: str, data: Path) -> bytes:
    """The secret of the settings, or one that is kept in the data folder.

    Raises:
        SettingsError: the given one is too short, or none can be kept.
    """
    if given:
        if len(given.encode()) < SECRET_BYTES:
            raise SettingsError(
                f"PLAUDIT_CHAT_SECRET needs at least {SECRET_BYTES} bytes; use 32 random ones"
            )
        return given.encode()
    path = data / "chat-secret"
    try:
        kept = _kept_secret(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be kept ({error.strerror}); set PLAUDIT_CHAT_SECRET") from None
    if len(kept) < SECRET_BYTES:
        raise SettingsError(f"{path} is damaged; delete it, or set PLAUDIT_CHAT_SECRET")
    return kept


def _kept_secret(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link is made whole or not at all, so another process never reads half a secret.
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".chat-secret-")
        try:
            with os.fdopen(handle, "w") as file:  # mkstemp lets nobody else read it
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):
                os.link(made, path)
        finally:
            Path(made).unlink()
    return path.read_bytes().strip()
