"""What integrations record with: one producer for the process, and one memory for each producer."""

import os
from threading import RLock
from typing import Final
from weakref import WeakKeyDictionary

from plaudit_schemas.settings import load

from plaudit_producers.integrations.settings import IntegrationSettings
from plaudit_producers.model_calls.memory import CallMemory
from plaudit_producers.model_calls.recorder import CallRecorder
from plaudit_producers.sdk.producer import FeedbackProducer

_memories: Final["WeakKeyDictionary[FeedbackProducer, CallMemory]"] = WeakKeyDictionary()
_shared: FeedbackProducer | None = None
_lock = RLock()


def shared_producer() -> FeedbackProducer:
    """The producer of this process that integrations use if they are given none.

    It is made at its first use, from the environment (`PLAUDIT_APPLICATION`, `PLAUDIT_SPOOL_DIR` and the
    addresses), and closed at the end of the process. A forked child has its own.

    Raises:
        SettingsError: a `PLAUDIT_*` variable is wrong.
    """
    global _shared  # noqa: PLW0603  # one for the process
    with _lock:
        if _shared is None:
            settings = load(IntegrationSettings)
            _shared = FeedbackProducer(settings.application, spool_dir=settings.spool_dir or None)
        return _shared


def flush_shared_producer(timeout_s: float) -> None:
    """Wait until Kafka has what was recorded, at most `timeout_s` seconds. Does nothing if nothing was."""
    if _shared is not None:
        _shared.flush(timeout_s)


def recorder_of(producer: FeedbackProducer | None = None) -> CallRecorder:
    """A recorder on a producer, by default the shared one.

    All recorders of one producer share their memory, so two integrations may see the same call.

    Raises:
        SettingsError: a `PLAUDIT_*` variable is wrong.
    """
    producer = shared_producer() if producer is None else producer
    with _lock:
        memory = _memories.setdefault(producer, CallMemory())
    return CallRecorder(producer, memory)


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # a thread of the parent may have held it at the fork
    _lock = RLock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)
