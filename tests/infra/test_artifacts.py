"""Pinned files: fetched, verified, mended, refused."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.servers import artifacts
from plaudit_infra.servers.artifacts import Artifact, fetch, pinned
from plaudit_infra.servers.errors import DownloadError

CONTENT = b"a jar"
ARTIFACT = Artifact("org/acme/thing/1.0/thing-1.0-all.tar.gz", hashlib.sha256(CONTENT).hexdigest())


class _Repository:
    """Stands in for Maven Central: writes what it is told to, and counts."""

    def __init__(self, content: bytes | Exception) -> None:
        self.content, self.calls = content, 0

    def __call__(self, repo_cache: Path, **_options: Any) -> "_Repository":
        self.cache = repo_cache
        return self

    def project(self, group: str, name: str) -> "_Repository":
        assert (group, name) == ("org.acme", "thing")
        return self

    def at_version(self, version: str) -> "_Repository":
        assert version == "1.0"
        return self

    def artifact(self, classifier: str, packaging: str) -> "_Repository":
        assert (classifier, packaging) == ("all", "tar.gz")
        return self

    def resolve(self) -> None:
        self.calls += 1
        if isinstance(self.content, Exception):
            raise self.content
        path = self.cache / ARTIFACT.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)


def _fetch(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> _Repository:
    repository = _Repository(content)
    monkeypatch.setattr(artifacts, "MavenContext", repository)
    monkeypatch.setattr(artifacts, "pinned", lambda _server: (ARTIFACT,))
    assert fetch("thing", folder, lambda *_progress: None) == [folder / "artifacts" / ARTIFACT.path]
    return repository


def test_a_file_is_fetched_once_and_then_found_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _fetch(tmp_path, monkeypatch, CONTENT).calls == 1
    assert _fetch(tmp_path, monkeypatch, ConnectionError("offline")).calls == 0


@pytest.mark.parametrize("damage", [b"", b"a jaR", b"a jar and more"], ids=["empty", "altered", "too long"])
def test_a_damaged_file_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    _fetch(tmp_path, monkeypatch, CONTENT)
    path = tmp_path / "artifacts" / ARTIFACT.path
    path.write_bytes(damage)
    assert _fetch(tmp_path, monkeypatch, CONTENT).calls == 1
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DownloadError, match="checksum"):
        _fetch(tmp_path, monkeypatch, b"an evil jar")
    assert not (tmp_path / "artifacts" / ARTIFACT.path).exists()


def test_without_network_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DownloadError, match="check the network"):
        _fetch(tmp_path, monkeypatch, ConnectionError("unreachable"))


def test_every_pinned_file_has_coordinates_and_a_checksum() -> None:
    for server in ("kafka", "registry"):
        for artifact in pinned(server):
            assert all(artifact.coordinates()[:3])
            assert len(artifact.sha256) == 64
