"""Finds the child processes that tests left behind."""

import gc
import subprocess


def left_running() -> list[str]:
    """The commands of the children that still run. Those that have ended are reaped.

    A child that nobody waited for is reported by Python only when the interpreter ends, and then no test
    fails.
    """
    children = [one for one in gc.get_objects() if isinstance(one, subprocess.Popen)]
    return [f"{one.pid}: {one.args!r}" for one in children if one.poll() is None]
