"""What a process knows of the conversations that it records, so that a history is not sent anew each time.

It also recognises a sliding window: an application that gives the model only the last messages. Without this
memory, in another process, such a window begins a branch of its own.
"""

import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Final, NamedTuple
from weakref import WeakSet

from plaudit_producers.model_calls.call import CallMessage
from plaudit_producers.model_calls.ids import (
    NextPlace,
    PlacedMessage,
    beginning_of,
    message_key,
    next_state,
    placed_messages,
    state_of,
)
from plaudit_producers.sdk.message_ids import carrying_id

_EQUAL_MESSAGES: Final = 16
"""At so many messages with the same text, the latest ones, a window is tried."""


class _Line(NamedTuple):
    """The history of a call, which was placed as a whole, to its last message that is none of the system's.

    Attributes:
        mark: of all its messages.
        latest_ids: of the messages that were placed last. They may not have been sent.
        place: what follows it.
    """

    length: int
    mark: int
    latest_ids: tuple[str, ...]
    place: NextPlace


class KnownConversation:
    """The messages of one conversation that were sent, and the ids of its other events. Not thread-safe."""

    __slots__ = ("_ids", "_latest", "_line")

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._latest: dict[bytes, tuple[str, ...]] = {}
        self._line: _Line | None = None

    def __contains__(self, known_id: str) -> bool:
        return known_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def copy(self) -> "KnownConversation":
        """A copy, for what is not certain to be sent."""
        copied = KnownConversation()
        copied._ids, copied._latest, copied._line = set(self._ids), dict(self._latest), self._line
        return copied

    def add(self, sent_id: str, message: CallMessage | None = None) -> None:
        """Remember a message that was sent, by its id, or another event by the event's id."""
        if sent_id in self._ids:
            return
        self._ids.add(sent_id)
        if message is not None and message.role != "system":
            key = _short_key(message)
            self._latest[key] = (*self._latest.get(key, ())[1 - _EQUAL_MESSAGES :], sent_id)

    def forget(self, sent_id: str) -> None:
        """Forget what was lost on its way, so that it is sent again when it comes again."""
        self._ids.discard(sent_id)
        self._line = None

    def placed(
        self, conversation_id: str, given: Sequence[CallMessage]
    ) -> tuple[list[PlacedMessage], NextPlace]:
        """Place the messages that a call was given, as `placed_messages` or as a window of what is known.

        Left out are the messages that the last call was given too, and the system messages before a window:
        they have their place at the beginning of the chat.
        """
        marks = _marks(given)
        line = self._line
        if line is not None and self._goes_on(line, marks):
            begun, place = line.length, line.place
        else:
            window = self._window(conversation_id, given)
            if window is not None:
                return placed_messages(conversation_id, *window)
            begun, place = 0, beginning_of(conversation_id)
        placed, following = placed_messages(conversation_id, given[begun:], place)
        self._note_line(marks, begun, placed)
        return placed, following

    def _goes_on(self, line: _Line, marks: Sequence[int]) -> bool:
        """Whether a history begins with a line that was sent."""
        return hash(tuple(marks[: line.length])) == line.mark and self._ids.issuperset(line.latest_ids)

    def _note_line(self, marks: Sequence[int], begun: int, placed: Sequence[PlacedMessage]) -> None:
        """Note a history whose messages after the first `begun` were placed now."""
        count = next((at for at in range(len(placed), 0, -1) if placed[at - 1].message.role != "system"), 0)
        if count:
            ids = tuple(each.message_id for each in placed[:count])
            length = begun + count
            self._line = _Line(length, hash(tuple(marks[:length])), ids, _place_after(ids[-1]))

    def _window(
        self, conversation_id: str, given: Sequence[CallMessage]
    ) -> tuple[Sequence[CallMessage], NextPlace] | None:
        """The messages after the longest known beginning of a window, and their place."""
        start = _leading_count(given)
        if start == len(given) or _short_key(given[start]) not in self._latest:
            return None
        first, _ = placed_messages(conversation_id, given[: start + 1], beginning_of(conversation_id))
        if first[-1].message_id in self._ids:  # the whole history, not a window
            return None
        shown = [
            (at, message_key(each)) for at, each in enumerate(given) if at > start and each.role != "system"
        ]
        best, longest = None, 0
        for candidate in reversed(self._latest[_short_key(given[start])]):
            if candidate not in self._ids:
                continue
            end, message_id = self._walk(conversation_id, candidate, start, shown)
            answered = any(each.role != "user" for each in given[start : end + 1])
            if answered and end + 1 > longest:  # a question alone is asked again, more often than cut off
                best, longest = message_id, end + 1
        if best is None:
            return None
        return given[longest:], _place_after(best)

    def _walk(
        self, conversation_id: str, message_id: str, start: int, shown: Iterable[tuple[int, bytes]]
    ) -> tuple[int, str]:
        """The last of the shown messages that is known in a line from a message, and its id."""
        end = start
        for at, key in shown:
            following = carrying_id(next_state(state_of(message_id), key), conversation_id)
            if following not in self._ids:
                break
            end, message_id = at, following
        return end, message_id


class CallMemory:
    """The conversations that were recorded last. Thread-safe for whoever holds its `lock`.

    Args:
        capacity: conversations, and their messages and other events. Past it the conversation that was used
            longest ago is forgotten: its history is sent again, under the same ids.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self.lock = RLock()  # re-entrant: a producer's `on_delivery` may make a call that is recorded
        self._capacity = capacity
        self._size = 0
        self._lost: deque[tuple[str, str]] = deque()
        self._conversations: OrderedDict[str, KnownConversation] = OrderedDict()
        _live.add(self)

    def __len__(self) -> int:
        """How many conversations are known."""
        return len(self._conversations)

    def conversation(self, conversation_id: str) -> KnownConversation:
        """What is known of a conversation."""
        known = self._conversations.get(conversation_id)
        if known is None:
            known = self._conversations[conversation_id] = KnownConversation()
            self._grow(1)
        else:
            self._conversations.move_to_end(conversation_id)
        return known

    def note_lost(self, conversation_id: str, sent_id: str) -> None:
        """Say that something was not delivered. It needs no lock, so any thread may call it at any time."""
        self._lost.append((conversation_id, sent_id))

    def forget_lost(self) -> None:
        """Forget what was not delivered. Call it before a call is recorded."""
        while self._lost:
            conversation_id, sent_id = self._lost.popleft()
            known = self._conversations.get(conversation_id)
            if known is None:
                continue
            before = len(known)
            known.forget(sent_id)
            self._size += len(known) - before
            if not known:
                del self._conversations[conversation_id]
                self._size -= 1

    def add(self, conversation_id: str, sent_id: str, message: CallMessage | None = None) -> None:
        """Remember what was sent, as `KnownConversation.add`."""
        known = self.conversation(conversation_id)
        before = len(known)
        known.add(sent_id, message)
        self._grow(len(known) - before)

    def _grow(self, count: int) -> None:
        self._size += count
        while self._size > self._capacity:
            self._size -= 1 + len(self._conversations.popitem(last=False)[1])


def _leading_count(given: Sequence[CallMessage]) -> int:
    """How many messages at the beginning are the system's."""
    return next((at for at, message in enumerate(given) if message.role != "system"), len(given))


def _marks(given: Sequence[CallMessage]) -> list[int]:
    """Tells messages apart in this process, as their keys do but much faster."""
    start = _leading_count(given)
    return [
        *(hash(message_key(each, leading=True)) for each in given[:start]),
        *(hash((each.role, each.content, each.tool_calls, each.attachments)) for each in given[start:]),
    ]


def _place_after(message_id: str) -> NextPlace:
    """What follows a message that is none of the system's."""
    return NextPlace(state_of(message_id), message_id)


def _short_key(message: CallMessage) -> bytes:
    return next_state("", message_key(message)).encode()


def _renew_locks() -> None:
    for memory in list(_live):
        memory.lock = RLock()  # a thread of the parent may have held it at the fork


_live: Final["WeakSet[CallMemory]"] = WeakSet()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_locks)
