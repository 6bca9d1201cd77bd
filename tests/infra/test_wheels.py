"""The wheels: built by the documented command, installed alone, and the demo run from there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.redis]


def run(command: list[str | Path], folder: Path, **environ: str) -> str:
    """What a command prints; it has to succeed."""
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_wheels_alone_run_the_demo(tmp_path: Path, kafka_files: None) -> None:
    dist, venv = tmp_path / "dist", tmp_path / "venv"
    run(["make", "wheels", f"DIST={dist}"], ROOT)
    wheels = sorted(dist.glob("*.whl"))
    assert len(wheels) == 5
    local = ROOT / ".tools" / "uv" / "bin" / "uv"
    uv = str(local) if local.exists() else "uv"
    run([uv, "venv", "--quiet", "--python", sys.executable, venv], tmp_path)
    run([uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python", *wheels], tmp_path)
    plaudit = venv / "bin" / "plaudit"
    assert "demo" in run([plaudit, "--help"], tmp_path)
    text = run([plaudit, "demo", "--once", "--limit", "50"], tmp_path, COLUMNS="160")
    assert re.search(r"audit +balanced", text), text
    rows = "import pyarrow.parquet as pq, sys; print(pq.read_table(sys.argv[1]).num_rows)"
    root = tmp_path / ".plaudit" / "demo" / "dataset" / "v1" / "conversations"
    assert int(run([venv / "bin" / "python", "-c", rows, root], tmp_path)) >= 50
