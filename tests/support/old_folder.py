"""A data folder that an earlier release wrote, with its servers running."""

import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROTATED = 20
"""Rows after which the sink of an old folder rotates."""


def run_plaudit(environ: Mapping[str, str], *arguments: str, fine: tuple[int, ...] = (0,)) -> str:
    """What a command prints. It must end with one of the exit codes in `fine`."""
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", *arguments],
        env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode in fine, done.stdout + done.stderr
    return done.stdout


@contextmanager
def opened(archive: Path, folder: Path, **settings: str) -> Iterator[dict[str, str]]:
    """Unpack a folder and run its servers. Yields what the environment must say of them."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    environ = {
        "PLAUDIT_DATA": str(folder),
        "PLAUDIT_PARTITIONS": "2",
        "PLAUDIT_OUTPUT": str(folder / "dataset"),
        "PLAUDIT_GATEWAY_KEYS": str(folder / "gateway-keys.json"),
        "PLAUDIT_TRAINING_LICENCE": "CC0-1.0",
        "PLAUDIT_ROTATE_ROWS": str(ROTATED),
        "PLAUDIT_WEB_PORT": "0",
        **settings,
    }
    run_plaudit(environ, "up", "--detach")
    try:
        yield environ
    finally:
        run_plaudit(environ, "down")


def digests(folder: Path) -> dict[str, str]:
    """The digest of each Parquet file, by its path within the folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }
