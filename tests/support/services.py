"""What a missing service means: the test skips on a laptop and fails under CI."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"


def under_ci() -> bool:
    """Whether the tests run under CI."""
    return bool(os.environ.get("CI"))


def unavailable(what: str) -> NoReturn:
    """Skip the test, or fail it under CI."""
    if under_ci():
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"without {what}")


def shared_data(name: str) -> Path:
    """The path of a file of the shared data. Skips the test, or fails it under CI, if it is missing."""
    path = SHARED_DATA / name
    if not path.exists():
        unavailable(f"the shared data file {name}")
    return path


def uv_program() -> str:
    """The uv that `make` uses: the project's own, else that of the user."""
    local = ROOT / ".tools" / "uv" / "bin" / "uv"
    return str(local) if local.exists() else "uv"


def rounds(ci: int, elsewhere: int) -> int:
    """How many random cases a test tries: CI has the minutes that a person does not want to wait for."""
    return ci if under_ci() else elsewhere
