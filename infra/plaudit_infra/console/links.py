"""One-time links that sign somebody in to a console on the same machine, as Jupyter's do."""

import contextlib
import ipaddress
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.console import CONSOLE_LINK
from plaudit_schemas.settings import DATA_VARIABLE

LINK_PATH: Final = "/sign-in/link"
_LINK_S: Final = 600.0
_TOKEN_BYTES: Final = 16  # the demo's view has 80 columns, and a link that is wrapped cannot be copied


class SignInLinks:
    """The console's link. There is one at a time, in a file that only its owner may read.

    A link is good for one sign-in within ten minutes. Once it is used or too old, another takes its place.

    Attributes:
        key_id: whom it signs in: an API key, or None for somebody who sees figures only.
    """

    def __init__(
        self, url: str, file: Path, key_id: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Makes the first link. `url` is the console's.

        Raises:
            SettingsError: the file cannot be written.
        """
        self._url, self._file, self._clock = url, file, clock
        self.key_id = key_id
        self.renew()

    @property
    def link(self) -> str:
        """The link that is good now, or was the last."""
        return f"{self._url}{LINK_PATH}?token={self._token}"

    def renew(self) -> None:
        """Make a new link; the one before is good no more.

        Raises:
            SettingsError: the file cannot be written.
        """
        self._token, self._until = secrets.token_urlsafe(_TOKEN_BYTES), self._clock() + _LINK_S
        aside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside.unlink(missing_ok=True)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
                written.write(self.link + "\n")
            aside.replace(self._file)
        except OSError as error:
            raise SettingsError(
                f"the console's link cannot be written to {self._file} ({error.strerror}); set "
                f"{DATA_VARIABLE} to a folder of yours"
            ) from None

    def renew_if_old(self) -> None:
        """Make a new link if the one before is too old. Raises as `renew`."""
        if self._clock() >= self._until:
            self.renew()

    def accept(self, token: str, host: str) -> bool:
        """Whether this is the token of the link; it is used up then.

        Args:
            host: the request's. A page of another site whose name leads to this machine is refused by it.

        Raises:
            SettingsError: as `renew`.
        """
        good = secrets.compare_digest(token.encode(errors="replace"), self._token.encode())
        in_time = self._clock() < self._until
        self.renew_if_old()
        if not (good and in_time and is_loopback(urlsplit(f"//{host}").hostname or "")):
            return False
        self.renew()
        return True

    def close(self) -> None:
        """Remove the file, unless another console has put its own there."""
        with contextlib.suppress(OSError):
            if self._file.read_text().strip() == self.link:
                self._file.unlink()


def link_file() -> Path:
    """Where a console leaves its link: in the data folder."""
    return Path(os.environ.get(DATA_VARIABLE) or ".plaudit") / CONSOLE_LINK


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and no other can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_links(host: str, trusted_proxies: str) -> None:
    """Make sure that nobody else can use a link.

    Raises:
        SettingsError: the console binds an address that others reach, or stands behind a proxy.
    """
    if not is_loopback(host):
        raise SettingsError(
            f"--link signs in whoever has the link, so the console must bind the loopback, not {host}; set "
            "PLAUDIT_CONSOLE_HOST to 127.0.0.1, or leave --link and sign in with an API key"
        )
    if trusted_proxies:
        raise SettingsError(
            "--link is for a console on your own machine, and PLAUDIT_CONSOLE_TRUSTED_PROXIES says that it "
            "is behind a proxy; leave --link and sign in with an API key"
        )
