"""`plaudit models check` and `show`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from plaudit_infra.main import main

from tests.support.tiny_models import write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "polite"
    write_model(made, description="likes good manners")
    return made


def test_a_sound_folder_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert f"{folder} is valid: polite@1, 3 files, 3 canaries, on CPUExecutionProvider" in told


def test_a_folder_that_is_none_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", str(tmp_path)]) == 1
    assert (
        capsys.readouterr().err
        == f"plaudit: {tmp_path} is no folder of a model: it has no plaudit-model.yaml\n"
    )
    assert main(["models", "show", str(tmp_path)]) == 1


def test_cuda_can_be_required(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", str(folder), "--onnx-provider", "cuda"]) == 1
    assert (
        "PLAUDIT_ONNX_PROVIDER is cuda, and the installed ONNX Runtime has no CUDA" in capsys.readouterr().err
    )


def test_a_model_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", str(folder)]) == 0
    short = capsys.readouterr().out
    assert "likes good manners" in short
    assert main(["models", "show", "--explain", str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(short.splitlines())
    assert main(["models", "show", "--json", str(folder)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], len(shown["sha256"])) == ("polite", 64)


def test_showing_needs_no_runtime(folder: Path) -> None:
    # A laptop without the extra can read what a model says.
    script = (
        "import sys\n"
        "for name in ('onnx', 'onnxruntime', 'transformers', 'numpy'): sys.modules[name] = None\n"
        "from argparse import Namespace\n"
        "from plaudit_consumers.commands.model_show import show_model\n"
        f"sys.exit(show_model(Namespace(model={str(folder)!r}, explain=False, json=False)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert shown.stdout.startswith("polite@1\n")
