"""A process that was told to stop and hangs ends all the same, and says where it hangs."""

import subprocess
import sys

import pytest

_SHORT = """
import os, signal, threading, time
from plaudit_schemas.service import stop_deadline
stop_deadline._STOPS_WITHIN_S, stop_deadline._TELLS_BEFORE_S = 2.0, 0.5

def tell_again_and_again():
    while True:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

def tell():
    signal.raise_signal(signal.SIGTERM)
    threading.Thread(target=tell_again_and_again, daemon=True).start()
"""
_WEB_SERVER = """
import asyncio, contextlib
from plaudit_schemas.service.http_limits import HTTP_METRICS, limits_of
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.web_server import Address, WebServer
from plaudit_schemas.settings.http import HttpSettings
from starlette.applications import Starlette

async def wait_for_ever():
    await asyncio.Event().wait()

@contextlib.asynccontextmanager
async def lifespan(_app):
    asyncio.get_running_loop().call_later(0.1, tell)
    yield
    await wait_for_ever()

address = Address("127.0.0.1", 0, "PORT")
server = WebServer(address, "test", MetricSet(HTTP_METRICS), limits_of(HttpSettings()))
server.run(Starlette(lifespan=lifespan))
"""
_LOOP = """
import asyncio
from plaudit_stream_processors.running.process import stop_at_signals

async def wait_for_ever():
    await asyncio.Event().wait()

async def work():
    stop = stop_at_signals()
    tell()
    await stop.wait()
    await wait_for_ever()

asyncio.run(work())
"""
_THREADS = """
from plaudit_consumers.sink.loop.run import _stop_at_signals

def wait_for_ever():
    threading.Event().wait()

stop = _stop_at_signals()
tell()
stop.wait()
wait_for_ever()
"""


@pytest.mark.parametrize("code", [_WEB_SERVER, _LOOP, _THREADS], ids=["web server", "event loop", "sink"])
def test_a_stop_that_hangs_ends_and_says_where(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SHORT + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "wait_for_ever" in done.stderr


def test_a_process_that_has_ended_is_left_alone() -> None:
    code = "from plaudit_schemas.service.stop_deadline import end_within; end_within(1000.0)"
    subprocess.run([sys.executable, "-c", code], timeout=120, check=True)
