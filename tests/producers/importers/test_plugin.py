"""The example plug-in, installed as a user would, is found by `plaudit replay`."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from plaudit_producers.importers import formats

from tests.support.services import ROOT, uv_program

EXAMPLE = ROOT / "examples" / "importer_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in it, as pip would leave it."""
    folder = tmp_path_factory.mktemp("plugin")
    target = ["--python", sys.executable, "--target", str(folder)]
    command = [uv_program(), "pip", "install", "--quiet", "--no-deps", *target, str(EXAMPLE)]
    subprocess.run(command, check=True, timeout=300)
    return folder


@pytest.mark.slow
def test_the_example_is_found_and_reads_its_format(installed: Path, tmp_path: Path) -> None:
    talk = [{"by": "guest", "says": " Ale? "}, {"by": "bot", "says": "Here.", "thumb": "up"}]
    log = tmp_path / "tavern.jsonl"
    log.write_text(json.dumps({"bot": "innkeeper", "talk": talk}) + "\n" + '{"bot": "innkeeper"}\n')
    command = [sys.executable, "-m", "plaudit_infra.main", "replay", str(log), "--time", "original"]
    done = subprocess.run(
        [*command, "--format", "tavern-log", "--output", "-"],
        env={"PYTHONPATH": str(installed), "PATH": os.environ["PATH"]},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    bodies = [json.loads(line)["body"] for line in done.stdout.splitlines()]
    assert [body["type"] for body in bodies] == [
        "StartConversation", "AddMessage", "AddMessage", "UpdateMessage", "EndConversation",
    ]  # fmt: skip
    assert bodies[1]["content"] == " Ale? "
    assert bodies[3]["feedback"]["value"] == {"kind": "thumb", "like": True}
    assert "1 records were refused" in done.stderr
    assert "line 2: lacks 'talk'" in done.stderr


def test_it_is_short_and_the_formats_of_the_package_are_listed() -> None:
    assert len((EXAMPLE / "tavern_log.py").read_text().splitlines()) <= 25
    project = tomllib.loads((ROOT / "producers" / "pyproject.toml").read_text())["project"]
    known = set(project["entry-points"]["plaudit.importers"])
    assert set(formats()) >= known
    for name, form in formats().items():
        assert form.name == name
        assert form.help
    text = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in known)
