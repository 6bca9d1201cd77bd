"""The environment that a Label Studio runs in: installed from its own lock, apart from the project's."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.services import ROOT, uv_program

PROJECT: Final = ROOT / "tests" / "label_studio"
GIGABYTE: Final = 1_000_000_000
NEEDED: Final = 2 * GIGABYTE
"""0.8 GB installed, and uv's cache may hold as much again."""


def environment() -> Path:
    """The folder of the environment, which need not exist; LABEL_STUDIO_ENV names another one."""
    return Path(os.environ.get("LABEL_STUDIO_ENV") or ROOT / ".tools" / "label-studio").absolute()


def is_installed() -> bool:
    return _program().exists()


def command() -> list[str]:
    """How to run `label-studio`, also where the folder was moved since it was installed."""
    return [str(environment() / "bin" / "python"), str(_program())]


def _program() -> Path:
    return environment() / "bin" / "label-studio"


def missing_space() -> str | None:
    """Why it cannot be installed for lack of room; None if there is enough."""
    if is_installed():
        return None
    disk = next(folder for folder in environment().parents if folder.exists())
    free = shutil.disk_usage(disk).free
    if free >= NEEDED:
        return None
    return (
        f"{disk} has {free / GIGABYTE:.1f} GB free, and Label Studio needs {NEEDED / GIGABYTE:.0f} GB: free "
        "some, or name a folder on another disk with LABEL_STUDIO_ENV="
    )


def install() -> None:
    """Install what the lock names. Nothing is done where it is there already.

    Raises:
        CalledProcessError: it cannot be installed.
    """
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environ["UV_PROJECT_ENVIRONMENT"] = str(environment())
    words = [uv_program(), "sync", "--quiet", "--frozen", "--project", str(PROJECT)]
    subprocess.run(words, env=environ, check=True, timeout=500)
