"""`make trainers`: trainers of TRL, ten steps each, and exports of classifiers. Exits with 1 if one fails."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.services import ROOT, uv_program
from tests.trainers.snapshots import of_the_demo, of_tools

PROJECT = ROOT / "tests" / "trainers"
# The environment has the packages that exports need of ours, and not ours.
PATHS = (ROOT, ROOT / "schemas", ROOT / "consumers")
GIGABYTE = 1_000_000_000
NEEDED = 7 * GIGABYTE
"""PyTorch for Linux brings the libraries of NVIDIA, and uv's cache may be on another disk."""


def main() -> int:
    """SNAPSHOT, TEMPLATES and TRAINERS_ENV come from the environment."""
    environment = Path(os.environ.get("TRAINERS_ENV") or ROOT / ".tools" / "trainers").absolute()
    named = os.environ.get("SNAPSHOT")
    if problem := _missing_space(environment) or (_not_a_snapshot(Path(named)) if named else None):
        print(problem, file=sys.stderr)
        return 2
    uv = [uv_program(), "run", "--quiet", "--frozen", "--project", str(PROJECT)]
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environ |= {"UV_PROJECT_ENVIRONMENT": str(environment), "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    with tempfile.TemporaryDirectory(prefix="plaudit-trainers-") as folder:
        if named:
            snapshots = {"yours": Path(named).resolve()}
        else:
            snapshots = {"demo": of_the_demo(Path(folder)), "tools": of_tools(Path(folder))}
        words = [f"{name}={path}" for name, path in snapshots.items()]
        words += ["--templates", os.environ.get("TEMPLATES") or ""]
        modules = (["tests.trainers.train", *words], ["tests.trainers.exports"])
        commands = [[*uv, "python", "-m", *module] for module in modules]
        return max(subprocess.run(each, cwd=folder, env=environ, check=False).returncode for each in commands)


def _missing_space(environment: Path) -> str | None:
    if environment.exists():
        return None
    disk = next(folder for folder in environment.parents if folder.exists())
    free = shutil.disk_usage(disk).free
    if free >= NEEDED:
        return None
    return (
        f"{disk} has {free / GIGABYTE:.1f} GB free, and PyTorch needs {NEEDED / GIGABYTE:.0f} GB: "
        "free some, or name a folder on another disk with TRAINERS_ENV="
    )


def _not_a_snapshot(folder: Path) -> str | None:
    if (folder / "manifest.json").exists():
        return None
    return f"{folder} is no snapshot; make one with `plaudit datasets build`"


if __name__ == "__main__":
    sys.exit(main())
