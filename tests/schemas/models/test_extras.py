"""The extras that bring a runtime: who has them, that they exclude each other, and what loads none."""

import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import ROOT

OWNERS = ("schemas", "stream_processors", "infra")
"""The members that pass on both extras."""
HEAVY = ("numpy", "onnx", "onnxruntime", "transformers", "tokenizers", "obstore", "jinja2")


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def extras(member: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = project(ROOT / member)["project"]["optional-dependencies"]
    return found


def package(member: str) -> str:
    return f"plaudit-{member.replace('_', '-')}"


def test_every_pair_of_the_two_is_declared_as_a_conflict() -> None:
    declared = {
        frozenset((side["package"], side["extra"]) for side in pair)
        for pair in project(ROOT)["tool"]["uv"]["conflicts"]
    }
    assert declared == {
        frozenset({(package(one), "score"), (package(other), "score-gpu")})
        for one, other in product(OWNERS, OWNERS)
    }


def test_no_other_member_brings_a_runtime_unseen() -> None:
    for path in ROOT.glob("*/pyproject.toml"):
        member = path.parent.name
        for extra, needs in project(path.parent)["project"].get("optional-dependencies", {}).items():
            brings = any("onnxruntime" in need or "[score" in need for need in needs)
            assert brings == (member in OWNERS and extra in ("score", "score-gpu")), (member, extra)
        base = project(path.parent)["project"]["dependencies"]
        assert not [need for need in base if "onnx" in need or "score" in need]


def test_both_extras_share_all_but_the_runtime() -> None:
    cpu, gpu = extras("schemas")["score"], extras("schemas")["score-gpu"]
    assert [need.partition(">")[0] for need in cpu] == ["plaudit-schemas[models]", "onnxruntime"]
    assert [need.partition(">")[0] for need in gpu] == [
        "plaudit-schemas[models]",
        "onnxruntime-gpu[cuda,cudnn]",
    ]


def test_the_lock_has_both_runtimes() -> None:
    names = {each["name"] for each in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert {"onnxruntime", "onnxruntime-gpu", "nvidia-cudnn-cu13"} <= names


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(
            "plaudit_schemas, plaudit_schemas.contract.events, plaudit_schemas.settings", id="contract"
        ),
        pytest.param(
            "plaudit_schemas.models.manifest_file, plaudit_schemas.models.describing", id="manifest"
        ),
        pytest.param("plaudit_schemas.models.inputs, plaudit_schemas.models.activations", id="shared-types"),
        pytest.param(
            "plaudit_schemas.models.runtime_settings, plaudit_schemas.models.packages", id="settings"
        ),
        pytest.param("plaudit_consumers.commands.models", id="command"),
    ],
)
def test_importing_loads_nothing_of_the_extra(modules: str) -> None:
    script = f"import sys, {modules}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert loaded.stdout == "[]\n"
