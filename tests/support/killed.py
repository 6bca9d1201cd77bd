"""Runs something that kills its own process, as kill -9 does, at the nth call of a method.

- `python -m tests.support.killed MODULE:CLASS.METHOD before|after N WORDS...` runs the `plaudit` command of
  these words.
- `python -m tests.support.killed forked LOG STEPS FOLDER RECORDS` runs a sink without Kafka once for each
  step of a JSON object, each time in its own process. LOG is one of `offline_sink.LOGS`.
"""

import functools
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa


def arm(target: str, moment: str, times: int) -> None:
    """Kill this process before or after the nth call of a method."""
    module, _, path = target.partition(":")
    owner_name, _, name = path.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    called = getattr(owner, name)
    calls = 0

    @functools.wraps(called)
    def armed(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == times and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = called(*given, **named)
        if calls == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, armed)


def main(target: str, moment: str, times: str, *command: str) -> int:
    from plaudit_infra.main import main as plaudit

    arm(target, moment, int(times))
    return plaudit(list(command))


def forked(log: str, steps: str, folder: str, records: str) -> int:
    """Print the exit status of each step. Forking saves the steps the time of the imports."""
    from tests.support.offline_sink import LOGS, feed, sink

    pa.array([{"a": 1}])  # makes Arrow load its lazy parts once, before the forks
    fed, died = LOGS[log](int(records)), {}
    for name, (target, moment, times) in json.loads(steps).items():
        child = os.fork()
        if child == 0:
            arm(target, moment, times)
            feed(sink(Path(folder) / name), fed)
            os._exit(0)
        died[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(died))
    return 0


if __name__ == "__main__":
    sys.exit(forked(*sys.argv[2:]) if sys.argv[1] == "forked" else main(*sys.argv[1:]))
