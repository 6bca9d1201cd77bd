"""The files of servers from Maven Central: pinned, verified by SHA-256, and cached for use offline."""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import yaml
from jgo.maven import MavenContext
from plaudit_schemas.cache import default_cache, locked

from plaudit_infra.servers.errors import DownloadError

Progress = Callable[[str, int, int], None]
_AT_ONCE = 8


class Artifact(NamedTuple):
    """One pinned file.

    Attributes:
        path: group/artifact/version/file, the layout of Maven repositories.
    """

    path: str
    sha256: str

    def coordinates(self) -> tuple[str, str, str, str, str]:
        """Group, artifact, version, classifier and packaging."""
        folder, _, file = self.path.rpartition("/")
        group, artifact, version = folder.rsplit("/", 2)
        rest = file.removeprefix(f"{artifact}-{version}")
        classifier, _, packaging = rest.partition(".")
        return group.replace("/", "."), artifact, version, classifier.removeprefix("-"), packaging


@cache
def pinned(server: str) -> tuple[Artifact, ...]:
    """The files of `kafka` or `registry`."""
    return pins_in((files("plaudit_infra.servers") / "artifacts.yaml").read_text(encoding="utf-8"))[server]


def pins_in(text: str) -> dict[str, tuple[Artifact, ...]]:
    """The files that a YAML document pins, by the names of their lists."""
    document: dict[str, list[str]] = yaml.safe_load(text)
    return {name: tuple(Artifact(*line.split()) for line in lines) for name, lines in document.items()}


def fetch(server: str, cache_dir: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """The local paths of a server's files. Downloads files that are missing or damaged (`fetch_pinned`)."""
    return fetch_pinned(server, pinned(server), cache_dir, progress)


def fetch_pinned(
    name: str, artifacts: Sequence[Artifact], cache_dir: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """The local paths of files. Downloads those that are missing or damaged.

    Blocks while it downloads; a second process waits for the first. Once all files are there, it needs no
    network.

    Args:
        name: what the files are for; `progress` is given it.

    Raises:
        DownloadError: a file could not be fetched, or its checksum is not the pinned one.
    """
    repository = (cache_dir or default_cache()) / "artifacts"
    with _locked(repository):
        missing = [artifact for artifact in artifacts if not _intact(repository, artifact)]
        if missing:
            _download_all(name, repository, missing, progress or _print_progress)
    return [repository / artifact.path for artifact in artifacts]


def _download_all(name: str, repository: Path, missing: list[Artifact], progress: Progress) -> None:
    context = MavenContext(repo_cache=repository, timeout=60)
    done = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda artifact: _download(context, repository, artifact), missing):
            done += 1
            progress(name, done, len(missing))


def _download(context: MavenContext, repository: Path, artifact: Artifact) -> None:
    path = repository / artifact.path
    path.unlink(missing_ok=True)
    group, name, version, classifier, packaging = artifact.coordinates()
    try:
        component = context.project(group, name).at_version(version)
        component.artifact(classifier=classifier, packaging=packaging).resolve()
    except Exception as error:  # jgo and requests raise many kinds
        path.unlink(missing_ok=True)
        raise DownloadError(
            f"{name} {version} could not be downloaded ({error}); check the network and try again"
        ) from error
    if not _matches(path, artifact.sha256):
        path.unlink(missing_ok=True)
        raise DownloadError(
            f"{name} {version} has another checksum than the pinned one; the download was deleted"
        )
    _mark(path).write_text(f"{path.stat().st_size} {path.stat().st_mtime_ns}", encoding="ascii")


def _intact(repository: Path, artifact: Artifact) -> bool:
    """Whether the file is there and has the pinned checksum. An unchanged file is not read again."""
    path = repository / artifact.path
    try:
        state = path.stat()
        stamp = f"{state.st_size} {state.st_mtime_ns}"
        if _mark(path).read_text(encoding="ascii") == stamp:
            return True
    except OSError:
        pass
    if not path.exists() or not _matches(path, artifact.sha256):
        return False
    _mark(path).write_text(f"{path.stat().st_size} {path.stat().st_mtime_ns}", encoding="ascii")
    return True


def _mark(path: Path) -> Path:
    """The file that says which size and time the artifact had when its checksum was right."""
    return path.with_name(path.name + ".verified")


def _matches(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with locked(folder):
            yield
    except PermissionError as error:
        raise DownloadError(
            f"{folder} cannot be written ({error}); set XDG_CACHE_HOME to a folder that you own"
        ) from None


def _print_progress(name: str, done: int, total: int) -> None:
    """Overwrite one line on a terminal. Without a terminal, print only the last line."""
    line = f"downloading {name}: {done} of {total} files"
    if sys.stderr.isatty():
        print(f"\rplaudit: {line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total:
        print(f"plaudit: {line}", file=sys.stderr, flush=True)
