"""`make trainers` before PyTorch: what it needs, and what it refuses."""

import re
import shutil
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest

from tests.support.trl_wheel import LOCK, pinned
from tests.trainers.__main__ import GIGABYTE, main

Usage = namedtuple("Usage", "total used free")


def test_a_small_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9 * GIGABYTE, 8 * GIGABYTE, GIGABYTE))
    monkeypatch.setenv("TRAINERS_ENV", str(tmp_path / "not" / "there"))
    assert main() == 2
    assert f"{tmp_path} has 1.0 GB free, and PyTorch needs 7 GB" in capsys.readouterr().err


def test_a_folder_that_is_no_snapshot_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAINERS_ENV", str(tmp_path))
    monkeypatch.setenv("SNAPSHOT", str(tmp_path))
    assert main() == 2
    assert f"{tmp_path} is no snapshot" in capsys.readouterr().err


def test_the_lock_has_what_the_project_names_and_asks_pypi_alone() -> None:
    text = LOCK.read_text(encoding="utf-8")
    locked = {each["name"]: each["version"] for each in tomllib.loads(text)["package"]}
    named = tomllib.loads((LOCK.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    assert dict(requirement.split("==") for requirement in named).items() <= locked.items()
    assert pinned()[0] == locked["trl"]
    assert set(re.findall(r"https://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
