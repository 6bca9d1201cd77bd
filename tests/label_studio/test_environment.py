"""What Label Studio runs in, without running it."""

import re
import shutil
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest

from tests.label_studio.__main__ import main
from tests.label_studio.environment import GIGABYTE, PROJECT

Usage = namedtuple("Usage", "total used free")


def test_a_small_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9 * GIGABYTE, 8 * GIGABYTE, GIGABYTE))
    monkeypatch.setenv("LABEL_STUDIO_ENV", str(tmp_path / "not" / "there"))
    assert main() == 2
    assert f"{tmp_path} has 1.0 GB free, and Label Studio needs 2 GB" in capsys.readouterr().err


def test_the_lock_has_what_the_project_names_and_asks_pypi_alone() -> None:
    text = (PROJECT / "uv.lock").read_text(encoding="utf-8")
    locked = {each["name"]: each["version"] for each in tomllib.loads(text)["package"]}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert dict(each.split("==") for each in project["dependencies"]).items() <= locked.items()
    assert set(re.findall(r"https://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
