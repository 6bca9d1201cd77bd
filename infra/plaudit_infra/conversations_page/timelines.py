"""Reads the logs of conversations in threads, one reading at a time, and keeps the last ones."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from plaudit_schemas.errors import PlauditError
from plaudit_stream_processors.queries.log_history import ConversationHistory

READING_S: Final = 60.0
"""Seconds that one reading may take. The next one goes on where it stopped."""
_KEPT: Final = 8


class Timelines:
    """The histories of the conversations that people look at."""

    def __init__(self, seconds: float = READING_S) -> None:
        """`seconds`: how long one reading may take."""
        self._seconds = seconds
        self._histories: OrderedDict[tuple[str, str], ConversationHistory] = OrderedDict()
        self._readings: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._errors: dict[tuple[str, str], PlauditError] = {}
        # A reading takes a core and a connection to Kafka.
        self._one_at_a_time = asyncio.Semaphore(1)

    def find(self, key: tuple[str, str]) -> ConversationHistory | None:
        """The history of a conversation whose reading was begun; None if there is none any more."""
        return self._histories.get(key)

    def is_reading(self, key: tuple[str, str]) -> bool:
        """Whether the log is being read for a conversation."""
        return key in self._readings

    def read(self, key: tuple[str, str], make: Callable[[], ConversationHistory]) -> None:
        """Read on in the background, if it is not being read already."""
        if key in self._readings:
            return
        history = self._histories.get(key)
        if history is None:
            history = self._histories[key] = make()
        self._histories.move_to_end(key)
        while len(self._histories) > _KEPT:
            self._histories.popitem(last=False)[1].stop()
        self._readings[key] = asyncio.create_task(self._read(key, history))

    def error(self, key: tuple[str, str]) -> PlauditError | None:
        """Why the last reading failed, once; None if it did not."""
        return self._errors.pop(key, None)

    def forget(self, key: tuple[str, str]) -> None:
        """Drop a conversation's events, because it was erased."""
        history = self._histories.pop(key, None)
        if history is not None:
            history.stop()

    async def close(self) -> None:
        """End the readings that are on their way."""
        for history in self._histories.values():
            history.stop()
        await asyncio.gather(*self._readings.values(), return_exceptions=True)

    async def _read(self, key: tuple[str, str], history: ConversationHistory) -> None:
        try:
            async with self._one_at_a_time:
                await asyncio.to_thread(history.read, self._seconds)
        except PlauditError as error:
            self._errors[key] = error
        finally:
            self._readings.pop(key, None)
