"""What was vendored is what its record says, with its licence beside it."""

import hashlib
from importlib.resources import files

import yaml

VENDOR = files("plaudit_consumers.dashboard") / "static" / "vendor"


def test_the_chart_library_is_the_recorded_one() -> None:
    recorded = yaml.safe_load((VENDOR / "vendored.yaml").read_text())
    found = {
        entry.name: hashlib.sha256(entry.read_bytes()).hexdigest()
        for entry in VENDOR.iterdir()
        if entry.name.endswith((".js", ".css"))
    }
    assert found == recorded["files"]
    assert f"v{recorded['version']}" in (VENDOR / "uPlot.iife.min.js").read_text()[:80]
    assert "MIT License" in (VENDOR / "uPlot.LICENSE").read_text()
