"""The snapshots that `make trainers` trains on."""

import subprocess
import sys
from pathlib import Path

from tests.consumers.builders import kafka_records
from tests.support.finished import encoded
from tests.support.offline_sink import feed, sink
from tests.support.tool_chats import one_call_at_a_time

DEMO_CHATS = 150
TOOL_CHATS = 24


def of_the_demo(folder: Path) -> Path:
    """What `plaudit demo` leaves behind, as a snapshot.

    Raises:
        CalledProcessError: the demo or the build failed. They have said why.
    """
    _plaudit("demo", "--once", "--limit", str(DEMO_CHATS), "--data", str(folder / "demo"))
    return _built(folder / "demo" / "dataset", folder / "demo-snapshot")


def of_tools(folder: Path) -> Path:
    """A snapshot of chats whose assistant calls tools.

    Raises:
        CalledProcessError: the build failed. It has said why.
    """
    feed(sink(folder / "tools"), kafka_records(map(encoded, one_call_at_a_time(0, TOOL_CHATS))))
    return _built(folder / "tools", folder / "tools-snapshot")


def _built(root: Path, snapshot: Path) -> Path:
    _plaudit("datasets", "build", "--root", str(root), "--output", str(snapshot))
    return snapshot


def _plaudit(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "plaudit_infra.main", *words], check=True)
