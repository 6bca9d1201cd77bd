"""`plaudit demo` as a newcomer runs it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


@pytest.mark.kafka
@pytest.mark.redis
def test_the_demo_ends_well_and_leaves_no_process(tmp_path: Path, kafka_files: None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", "demo", "--data", str(tmp_path)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "came back as they were" in done.stdout
    assert "does not do yet" in done.stdout
    left = [process for process in psutil.process_iter(["cmdline"]) if _is_on(tmp_path, process)]
    assert left == []


def _is_on(folder: Path, process: psutil.Process) -> bool:
    return any(str(folder) in word for word in process.info["cmdline"] or [])
