"""Which runs of LangChain are in progress, and which of them are parts of one run. Pure."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

from plaudit_schemas.contract.field_types import EndReason

_MOST_RUNS: Final = 10_000


@dataclass(slots=True)
class RootRun:
    """A run that no other run has started.

    Attributes:
        run_id: of the run. Of a run that was not seen to start, only the id is known.
        open_calls: how many calls of models in it have not ended. A stream that is left ends after its run.
        ended: why the run ended; None while it goes on.
        is_conversation: whether it is a conversation of its own, which has to be ended.
    """

    run_id: UUID
    open_calls: int = 0
    ended: EndReason | None = None
    is_conversation: bool = False


class EndedConversation(NamedTuple):
    """A conversation that ends with its run."""

    conversation_id: str
    reason: EndReason


class RunTree:
    """The runs in progress. Thread-safe.

    Args:
        capacity: so many runs are known. Past it, the one that started longest ago is forgotten: it was
            never ended.
    """

    def __init__(self, capacity: int = _MOST_RUNS) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._roots: OrderedDict[UUID, RootRun] = OrderedDict()

    def start(self, run_id: UUID, parent_id: UUID | None, *, calls: int = 0) -> RootRun:
        """Note a run that starts, with so many calls of models. Returns the run that it is part of."""
        with self._lock:
            root = None if parent_id is None else self._roots.get(parent_id)
            if root is None:
                root = RootRun(parent_id or run_id)
                self._roots[root.run_id] = root
            self._roots[run_id] = root
            root.open_calls += calls
            while len(self._roots) > self._capacity:
                self._roots.popitem(last=False)
            return root

    def end(self, run_id: UUID, reason: EndReason, *, calls: int = 0) -> EndedConversation | None:
        """Note a run that has ended, with so many calls. Returns the conversation that ends with it."""
        with self._lock:
            root = self._roots.pop(run_id, None)
            if root is None:
                return None
            root.open_calls -= calls
            if root.run_id == run_id:
                root.ended = reason
            if root.ended is None or root.open_calls or not root.is_conversation:
                return None
            root.is_conversation = False
            return EndedConversation(str(root.run_id), root.ended)

    def __len__(self) -> int:
        return len(self._roots)
