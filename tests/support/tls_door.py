"""A port that speaks TLS in front of a server that does not, as stunnel is."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread


class TlsDoor:
    """Runs on a thread of its own until `close`."""

    def __init__(self, behind: int, chain: Path, key: Path) -> None:
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain, key)
        self._loop = asyncio.new_event_loop()
        self._ready = Event()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.1))  # connections get to close
        self._loop.close()

    async def _serve(self, outside: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        inside, into = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers += [into, out]
        await asyncio.gather(_copy(outside, into), _copy(inside, out))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.close()
