"""`make bench-smoke`: fails if a hot path became much slower than recorded, beside bare peers in one run.

`make bench-smoke RECORD=1` writes smoke.json instead: the ratios of compiled modules, where there are any,
and those of plain Python. `PLAUDIT_COMPILED=0` does either for plain Python alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from plaudit_schemas.compiled import SWITCH, how_it_runs, is_compiled

from benchmarks.smoke.in_process import pairs
from benchmarks.smoke.recorded import (
    FILE,
    SHARE,
    Mode,
    Ratios,
    RecordedError,
    complaints,
    hints,
    record,
    recorded_ratios,
)
from benchmarks.smoke.turns import Turn, ratio_of, take_turns
from benchmarks.smoke.whole_worker import whole_worker
from benchmarks.stage import ROOT

_TURNS, _WORKER_TURNS = 11, 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and compare or record. Returns the exit code, 1 if a ratio is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smoke")
    parser.add_argument("--record", action="store_true", help="write smoke.json instead of comparing with it")
    recording = parser.parse_args(arguments).record
    mode: Mode = "compiled" if is_compiled() else "plain"
    try:
        recorded = {} if recording else recorded_ratios(FILE, mode)
    except RecordedError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"hot paths run {how_it_runs()}; ratios of processor time, over several turns", flush=True)
    measured = _measured(recorded)
    if recording:
        record(FILE, mode, measured)
        print(f"recorded in benchmarks/{FILE.name}", flush=True)
        return _record_plain() if mode == "compiled" else 0
    for hint in hints(measured, recorded):
        print(hint)
    failed = complaints(measured, recorded, mode)
    for complaint in failed:
        print(complaint, file=sys.stderr)
    return 1 if failed else 0


def all_turns() -> Iterator[tuple[str, list[Turn]]]:
    """The turns of each case, as they are measured."""
    with tempfile.TemporaryDirectory(prefix="plaudit-bench-") as folder:
        for pair in pairs(Path(folder)):
            yield pair.case, take_turns(pair, _TURNS)
    yield from whole_worker(_WORKER_TURNS).items()


def _measured(recorded: Ratios) -> Ratios:
    """The ratio of each case. Prints them beside the recorded ones."""
    found = {}
    for case, turns in all_turns():
        found[case] = ratio_of(turns)
        each = sorted(turn.bare / turn.ours for turn in turns)
        line = f"{case:<22}{found[case]:6.2f} x its bare peer ({each[0]:.2f} to {each[-1]:.2f})"
        if case in recorded:
            line += f"; recorded {recorded[case]:.2f}, limit {recorded[case] * SHARE:.2f}"
        print(line, flush=True)
    return found


def _record_plain() -> int:
    command = [sys.executable, "-m", "benchmarks.smoke", "--record"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, SWITCH: "0"}, check=False).returncode


if __name__ == "__main__":
    os.environ["PLAUDIT_ALLOW_ONE_REPLICA"] = "true"  # every broker here is a single one
    sys.exit(main())
