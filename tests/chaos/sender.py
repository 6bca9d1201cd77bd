"""A chat product that does not give up: it sends a request again, with its event ids, until accepted."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import httpx

from tests.chaos.chats import Chat

_LANES, _AT_ONCE = 8, 4


class Sender:
    """Sends chats side by side, each one's events in order and a few at a time."""

    def __init__(self, address: Callable[[], str], key: str, deadline_s: float) -> None:
        self._address, self._key = address, key
        self._deadline = time.monotonic() + deadline_s
        self._lock = threading.Lock()
        self._allowed = threading.Semaphore(0)
        self.accepted = 0
        self.retries = 0

    def allow(self, chats: int) -> None:
        """Let so many more chats begin. So traffic lasts as long as the faults do."""
        self._allowed.release(chats)

    def send(self, chats: Sequence[Chat]) -> None:
        """Returns when all was accepted.

        Raises:
            TimeoutError: it was not, within the deadline.
        """
        with ThreadPoolExecutor(_LANES) as pool:
            for done in [pool.submit(self._chat, chat) for chat in chats]:
                done.result()

    def _chat(self, chat: Chat) -> None:
        if not self._allowed.acquire(timeout=max(0.0, self._deadline - time.monotonic())):
            raise TimeoutError(f"{chat.name} was not allowed in time")
        left = iter(chat.events)
        with httpx.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=30) as client:
            while batch := list(islice(left, _AT_ONCE)):
                while not self._accepted(client, batch):
                    if time.monotonic() > self._deadline:
                        raise TimeoutError(f"{chat.name} was not accepted in time")
                    time.sleep(0.2)  # the pause of a client's retry
                with self._lock:
                    self.accepted += len(batch)

    def _accepted(self, client: httpx.Client, batch: list[dict[str, object]]) -> bool:
        try:
            answer = client.post(f"{self._address()}/v1/events", json=batch)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 200:
            return True
        if answer is not None and answer.status_code not in (429, 503):
            raise AssertionError(f"the gateway answered {answer.status_code}: {answer.text[:300]}")
        with self._lock:
            self.retries += 1
        return False
