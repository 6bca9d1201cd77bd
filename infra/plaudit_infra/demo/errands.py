"""Runs one `plaudit` sub-command after another beside the demo, without taking the line's processor time."""

import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from plaudit_infra.servers.process import exit_code, spawn, stop

_LOOK_S: Final = 0.2
_PREFIX: Final = "plaudit: "  # of the error that a sub-command ends with


class ErrandResult(NamedTuple):
    """How a sub-command ended. `said` is its output; `reason` is the error in it, or else its last line."""

    well: bool
    said: str
    reason: str


class Errands:
    """Runs sub-commands at low priority, each with its output in a file of the folder.

    Attributes:
        stopping: once it is set, a running sub-command is stopped, and later ones are not started.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], stopping: threading.Event) -> None:
        self._folder, self._environ, self.stopping = folder, environ, stopping
        nice = shutil.which("nice")
        self._command = [*([nice, "-n", "10"] if nice else []), sys.executable, "-m", "plaudit_infra.main"]

    def run(self, name: str, *words: str | Path) -> ErrandResult:
        """Run a sub-command to its end. Blocks; it dies with the thread that calls this."""
        if self.stopping.is_set():
            return ErrandResult(False, "", "the demo ends")
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{name}.log"
        log.unlink(missing_ok=True)
        process_id = spawn(
            [*self._command, *map(str, words)], log, folder=self._folder, environ=self._environ
        )
        while (code := exit_code(process_id)) is None and not self.stopping.wait(_LOOK_S):
            pass
        stop(process_id, timeout_s=5)
        said = log.read_text(encoding="utf-8", errors="replace")
        reason = error_in(said) or _last_line(said) or f"`plaudit {words[0]}` said nothing"
        return ErrandResult(code == 0, said, reason)


def error_in(said: str) -> str:
    """The error that a sub-command ended with, from its output; empty if there is none."""
    errors = [line.strip() for line in said.splitlines() if line.startswith(_PREFIX)]
    return errors[-1].removeprefix(_PREFIX) if errors else ""


def _last_line(said: str) -> str:
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
