"""A MemoryError that nothing can catch ends the process, and other errors of that kind do not."""

import subprocess
import sys

import pytest

_IN_A_FINALIZER = """
class Dying:
    def __del__(self):
        raise {error}
Dying()
"""
_IN_A_THREAD = """
import threading
def fail():
    raise {error}
thread = threading.Thread(target=fail)
thread.start()
thread.join()
"""
_IN_A_THREAD_OF_A_POOL = """
from concurrent.futures import ThreadPoolExecutor, thread
def fail(item):
    item.future.set_result(None)
    raise {error}
thread._WorkItem.run = fail
with ThreadPoolExecutor(1) as pool:
    pool.submit(print).result()
"""
_IN_A_CALLBACK = """
import asyncio
def fail():
    raise {error}
async def work():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(work())
"""
_IN_A_FORGOTTEN_TASK = """
import asyncio
async def fail():
    raise {error}
async def work():
    asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(work())
"""


@pytest.mark.parametrize(
    "code",
    [_IN_A_FINALIZER, _IN_A_THREAD, _IN_A_THREAD_OF_A_POOL, _IN_A_CALLBACK, _IN_A_FORGOTTEN_TASK],
    ids=["finalizer", "thread", "thread of a pool", "callback", "forgotten task"],
)
@pytest.mark.parametrize(("error", "ends"), [("MemoryError", True), ("ValueError", False)])
def test_only_a_lack_of_memory_ends_the_process(code: str, error: str, *, ends: bool) -> None:
    script = (
        "from plaudit_infra.memory_shortage import end_when_out_of_memory\nend_when_out_of_memory()\n"
        f"{code.format(error=error)}\nprint('went on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode == 1 and "out of memory" in done.stderr) is ends
    assert ("went on" in done.stdout) is not ends


def test_a_thread_that_hangs_does_not_keep_a_command_from_its_end() -> None:
    script = (
        "import threading\nfrom plaudit_infra import main\nmain._ENDS_WITHIN_S = 0.5\n"
        "main.main = lambda: 3\nthreading.Thread(target=threading.Event().wait).start()\n"
        "raise SystemExit(main.run())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "most recent call first" in done.stderr


def test_a_thread_that_never_runs_ends_the_process() -> None:
    script = (
        "import threading\nfrom plaudit_infra import memory_shortage\n"
        "memory_shortage._STARTS_WITHIN_S = 0.5\nmemory_shortage.end_when_out_of_memory()\n"
        "well = threading.Thread(target=print, args=['ran'], kwargs={'flush': True})\n"
        "well.start()\nwell.join()\n"
        "threading._start_new_thread = lambda *_: 0\nthreading.Thread(target=print).start()\nprint('went on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "ran\n")
    assert "out of memory" in done.stderr
