"""The demo's own processes: sub-commands of `plaudit` that serve health on a port of the loopback."""

import http.client
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from plaudit_infra.servers.server import Server

_ASK_S = 2.0


class PlauditService(Server):
    """One sub-command that serves `/health/ready`.

    `{port}` in an argument stands for its port. Its log and state are in a folder of its own.
    """

    def __init__(self, folder: Path, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self._arguments = arguments
        super().__init__(folder / name)
        self._environ = dict(environ)

    @property
    def address(self) -> str:
        """The URL that it serves."""
        return f"http://127.0.0.1:{self.ports['web']}"

    def answers(self) -> bool:
        """Whether `/health/ready` says that it is ready."""
        return self.read("/health/ready") is not None

    def read(self, path: str) -> str | None:
        """What it serves at a path; None if that is an error, or if it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["web"], timeout=_ASK_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        else:
            return body.decode(errors="replace") if response.status == http.HTTPStatus.OK else None
        finally:
            connection.close()

    def _port_names(self) -> Sequence[str]:
        return ("web",)

    def _command(self) -> list[str | Path]:
        filled = [argument.replace("{port}", str(self.ports["web"])) for argument in self._arguments]
        return [sys.executable, "-m", "plaudit_infra.main", *filled]
