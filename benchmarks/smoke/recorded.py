"""The committed file of recorded ratios, and what is wrong with ratios measured beside it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.report import machine, now

Mode = Literal["compiled", "plain"]
"""How the hot paths run: their ratios differ, so each way has its own."""
Ratios = Mapping[str, float]
"""Case -> how many times as fast as its bare peer we are, by processor time."""

SHARE: Final = 0.6
"""A ratio may fall to this share of the recorded one."""
FILE: Final = Path(__file__).parents[1] / "smoke.json"
COMMAND: Final = "make bench-smoke RECORD=1"
_WORDS: Final[Mapping[Mode, str]] = {"compiled": "compiled modules", "plain": "plain Python"}


class RecordedError(Exception):
    """The file of recorded ratios is damaged. The text says where, and what to do."""


def recorded_ratios(path: Path, mode: Mode) -> Ratios:
    """The recorded ratios of this mode; none if none was recorded.

    Raises:
        RecordedError: the file is damaged.
    """
    ratios = _runs(path).get(mode, {}).get("ratios", {})
    if not isinstance(ratios, dict) or not all(map(_is_ratio, ratios.values())):
        raise _damaged(path, f"the ratios of {_WORDS[mode]} are not all positive numbers")
    return ratios


def record(path: Path, mode: Mode, ratios: Ratios) -> None:
    """Replace the ratios of this mode, and keep those of the other. A damaged file is written anew."""
    try:
        runs = _runs(path)
    except RecordedError:
        runs = {}
    rounded = {case: round(ratio, 3) for case, ratio in ratios.items()}
    runs[mode] = {"at": now(), "machine": machine(), "ratios": rounded}
    path.write_text(json.dumps(dict(sorted(runs.items())), indent=1) + "\n", encoding="utf-8")


def complaints(measured: Ratios, recorded: Ratios, mode: Mode) -> list[str]:
    """What makes the command fail, a sentence for each; nothing if all is well."""
    said = [
        f"{case}: {measured[case]:.2f} x its bare peer is below {ratio * SHARE:.2f}, {SHARE:.0%} of the "
        f"recorded {ratio:.2f}: find out what made it slower, or run `{COMMAND}` if it has to be"
        for case, ratio in recorded.items()
        if case in measured and not measured[case] >= ratio * SHARE
    ]
    if unrecorded := [case for case in measured if case not in recorded]:
        said.append(
            f"no ratio is recorded for {_WORDS[mode]} of {', '.join(unrecorded)}: run `{COMMAND}` and commit "
            f"benchmarks/{FILE.name}"
        )
    if unmeasured := [case for case in recorded if case not in measured]:
        said.append(
            f"a ratio is recorded for {_WORDS[mode]} of {', '.join(unmeasured)}, which is not measured any "
            f"more: run `{COMMAND}` and commit benchmarks/{FILE.name}"
        )
    return said


def hints(measured: Ratios, recorded: Ratios) -> list[str]:
    """The cases that became so much faster that a slip would no longer be seen."""
    faster = [case for case, ratio in measured.items() if ratio * SHARE > recorded.get(case, math.inf)]
    return [f"much faster than recorded: {', '.join(faster)}; run `{COMMAND}`"] if faster else []


def _runs(path: Path) -> dict[str, dict[str, Any]]:
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:  # not JSON, or not UTF-8
        raise _damaged(path, str(error)) from None
    if not isinstance(runs, dict) or not all(isinstance(run, dict) for run in runs.values()):
        raise _damaged(path, "it does not hold an object for each way to run")
    return runs


def _is_ratio(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _damaged(path: Path, why: str) -> RecordedError:
    return RecordedError(
        f"{path.name} is damaged ({why}): restore it with git, or write it anew with `{COMMAND}`"
    )
