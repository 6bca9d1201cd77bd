"""Workers of the release before, as real processes."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from tests.support.line import Line

CODE: Final = Path(__file__).parent.parent / "integration" / "old_data" / "0db6aba-code.tar.xz"
"""`schemas/plaudit_schemas` and `stream_processors/plaudit_stream_processors` of the commit of its name."""

_RUN: Final = """
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec

from plaudit_schemas.settings import load, loading

# What is installed is of today, and the archive has neither the other members nor today's modules.
ours = ("plaudit_schemas.", "plaudit_stream_processors.")
loading.entry_points = lambda group: [
    one for one in entry_points(group=group) if one.value.startswith(ours) and find_spec(one.module)
]
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.worker.run import run_worker
from plaudit_stream_processors.worker.settings import WorkerSettings

sys.exit(run_worker(load(ConnectionSettings), load(WorkerSettings), web=False, log_level="INFO"))
"""


class EarlierWorkers:
    """Starts workers of the release before on a line, from its code in a folder."""

    def __init__(self, folder: Path) -> None:
        with tarfile.open(CODE) as archive:
            archive.extractall(folder, filter="data")
        members = [str(folder / name) for name in ("schemas", "stream_processors")]
        self._path = os.pathsep.join(members)

    def start(self, line: Line) -> "subprocess.Popen[bytes]":
        """Start one; the line ends it as one of its own."""
        with (line.folder / f"worker{len(line.workers)}.log").open("wb") as log:
            environ = line.worker_environ() | {"PYTHONPATH": self._path}
            environ.pop("PLAUDIT_ALLOW_ONE_REPLICA", None)  # a setting that it does not know
            worker = subprocess.Popen([sys.executable, "-c", _RUN], env=environ, stdout=log, stderr=log)
        line.workers.append(worker)
        return worker
