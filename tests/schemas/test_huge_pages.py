"""Small objects from huge pages. Each test runs in a process of its own, as the change is for good."""

import os
import subprocess
import sys

import pytest
from plaudit_schemas.compiled import FINDERS, SWITCH

START = "from plaudit_schemas.compiled.huge_pages import use_huge_pages\n"
REGIONS = "from plaudit_schemas.compiled.arenas import regions_taken\n"

compiled = pytest.mark.skipif(
    not FINDERS["plaudit_schemas"].has_modules or sys.platform != "linux",
    reason="needs compiled modules, and Linux",
)


def run(code: str, **environment: str) -> list[str]:
    """Run code in a new process. Returns the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@compiled
def test_many_objects_lie_in_regions_that_may_have_huge_pages() -> None:
    code = """
assert use_huge_pages() and use_huge_pages()
held = [{number: str(number)} for number in range(500_000)]
print(regions_taken())
print(sum("hg" in line.split() for line in open("/proc/self/smaps") if line.startswith("VmFlags")))
"""
    taken, advised = map(int, run(REGIONS + code))
    assert taken >= 2
    assert advised >= 1  # regions that lie side by side are one mapping


@compiled
def test_memory_of_dropped_objects_is_used_again() -> None:
    code = """
assert use_huge_pages()
for _ in range(4):
    held = [{number: str(number)} for number in range(500_000)]
    print(regions_taken())
    del held
"""
    assert len(set(run(REGIONS + code))) == 1


@compiled
def test_what_was_taken_before_the_change_is_given_back_where_it_came_from() -> None:
    code = """
held = [{number: str(number)} for number in range(300_000)]
assert use_huge_pages()
more = [{number: str(number)} for number in range(300_000)]
del held
again = [{number: str(number)} for number in range(300_000)]
print(sum(map(len, more)) + sum(map(len, again)))
"""
    assert run(code) == ["600000"]


@pytest.mark.slow
@compiled
def test_stacks_and_threads_take_and_give_back_blocks_of_other_sizes() -> None:
    code = """
import sys, threading
assert use_huge_pages()
sys.setrecursionlimit(20_000)

def deep(left):
    return 0 if left == 0 else deep(left - 1)

def work():
    kept = []
    for _ in range(20):
        assert deep(5_000) == 0  # its stack is given back, and the objects that follow need new arenas
        kept.append([[number] for number in range(30_000)])
    for objects in kept:
        assert all(found == number for number, (found,) in enumerate(objects))

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
work()
print("done")
"""
    assert run(code) == ["done"]


@pytest.mark.slow
@compiled
def test_without_room_for_a_region_python_goes_on_as_before() -> None:
    code = """
import resource
assert use_huge_pages()
held = [[number] for number in range(100_000)]
while regions_taken() < 2:  # the first is full, so the second is nearly empty
    held += [[number] for number in range(10_000)]
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (40 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    held += [[number] for number in range(2_000_000)]  # more than there is room for
except MemoryError:
    print("refused")
held += [[number] for number in range(100_000)]
print(regions_taken())
"""
    assert run(REGIONS + code) == ["refused", "2"]


def test_without_compiled_modules_nothing_changes() -> None:
    assert run("print(use_huge_pages())", **{SWITCH: "0"}) == ["False"]
