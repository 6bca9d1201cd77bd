"""Compares the live state in Redis, conversations and counters, with the ledger.

A worker may commit meanwhile. So each look at Redis is one atomic read of some hashes and of the position
that belongs to them. The ledger is folded up to that position before they are compared.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.service.redis import RedisClient, Script, execute
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.fold.room import is_overgrown
from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.state.fields import conversation_of
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.parts import LARGE, LATER, PartReader

from plaudit_infra.audit.ledger import Ledger

AT_ONCE: Final = 256  # hashes in one read: a script blocks Redis meanwhile
_UNCOMPARED: Final = frozenset(
    ("dirty", "batch", "anew", "listed_open", "named", "weight", "size", "children", "slots_of", "used")
)
_CONTENT: Final = frozenset(("messages", "feedback", "comparisons", "seen"))
_TRIES: Final = 5
_PROGRESS: Final = ("revision", "end", "is_open", "erased", "events")

FoldUntil = Callable[[int], Awaitable[None]]
"""Folds the log into the ledger up to an offset, without the record at that offset."""


class Finding(NamedTuple):
    """A difference between Redis and the log, at a position."""

    account: str
    position: int
    what: str


class _Look(NamedTuple):
    """One atomic read of Redis. For each hash: its scores in `open` and `ended`, and its fields.

    Attributes:
        now_ms: by the clock of Redis, which lets buckets expire.
    """

    position: int | None
    open_count: int
    now_ms: int
    hashes: list[tuple[int | None, int | None, dict[bytes, bytes]]]


_Stored = tuple[ConversationState | str | None, tuple[int | None, int | None]]
"""What Redis has of a conversation, or why that cannot be read, and its scores in `open` and `ended`."""


class LiveState:
    """The live state of one partition.

    Attributes:
        unread: how many large conversations changed faster than they could be read.
        position: the next offset to fold, as of the last look; None before the worker's first commit.
        conversations, cells: how many were compared.
    """

    def __init__(self, client: RedisClient, prefix: str, ledger: Ledger, fold_until: FoldUntil) -> None:
        self._client, self._ledger, self._fold_until = client, ledger, fold_until
        self._keys = partition_keys(prefix, ledger.partition)
        self._observe = Script(
            "plaudit_infra.audit",
            "observe",
            shared="hashes",
            shared_package="plaudit_stream_processors.state",
        )
        self._parts = PartReader(client)
        self.unread = 0
        self.position: int | None = None
        self.conversations = 0
        self.cells = 0

    async def compare(self) -> AsyncIterator[Finding]:
        """Every difference. Conversations that appear meanwhile are left for the next audit."""
        look = await self._look([], [])
        if self._behind(look):
            yield self._finding("state", self._why_behind())
            return
        if look.position is None:
            return
        ledger = self._ledger
        ledger.forget_before(look.now_ms)
        expected = sum(state.is_open for state in ledger.states.values())
        if look.open_count != expected and not ledger.first:
            yield self._finding("state", f"{look.open_count} conversations are open; the log has {expected}")
        unsure = ledger.unknown | ledger.blurred
        keys = [key for key in ledger.states if key is not None and key not in unsure]
        for start in range(0, len(keys), AT_ONCE):
            async for finding in self._conversations(keys[start : start + AT_ONCE]):
                yield finding
        if ledger.first:
            return  # the counters hold events from before the log, which cannot be counted again
        async for finding in self._buckets():
            yield finding

    async def _conversations(self, keys: Sequence[bytes]) -> AsyncIterator[Finding]:
        names = [key.decode() for key in keys]
        look = await self._look([self._keys.conversation + name for name in names], names)
        if self._behind(look):
            yield self._finding("state", "its position went back while it was read: Redis lost its data")
            return
        later: list[bytes] = []
        for key, (open_score, ended_score, fields) in zip(keys, look.hashes, strict=True):
            if LATER in fields:
                later.append(key)
                continue
            stored, (opened, ended) = self._stored(key, fields), (open_score, ended_score)
            if LARGE in fields:
                large = await self._large(key.decode())
                if large is None:
                    self.unread += 1
                    continue
                stored, (opened, ended) = large
            state = self._ledger.states[key]
            self.conversations += 1
            for what in self._conversation(state, stored, opened if state.is_open else ended):
                yield self._finding("state", f"{state.key}: {what}")
        if later:  # the answer was full; it always has at least the first
            async for finding in self._conversations(later):
                yield finding

    def _stored(self, key: bytes, fields: dict[bytes, bytes]) -> ConversationState | str | None:
        """What Redis has of a conversation: the state, why it cannot be read, or None."""
        if not fields or LARGE in fields:
            return None
        try:
            return conversation_of(key.decode(), fields)
        except (ValueError, KeyError, TypeError) as error:
            return f"it cannot be read: {error}"

    async def _large(self, key: str) -> _Stored | None:
        """A conversation that is read in parts, and its scores, as of one position.

        Returns None if it changes faster than it can be read.
        """
        name = self._keys.conversation + key
        for _ in range(_TRIES):
            try:
                stored = await self._parts.read(key, name)
            except (ValueError, KeyError, TypeError) as error:
                return f"it cannot be read: {error}", (None, None)
            (opened, ended, fields) = (await self._look([name], [key])).hashes[0]
            now = self._stored(key.encode(), {b"progress": fields.get(LARGE) or fields.get(b"progress", b"")})
            if stored is None or (isinstance(now, ConversationState) and now.events == stored.events):
                return stored, (opened, ended)
        return None

    def _conversation(
        self, state: ConversationState, stored: ConversationState | str | None, score: int | None
    ) -> Iterator[str]:
        expired = self._ledger.is_expired(state)
        yield from _differences(state, stored, expired=expired)
        if score != _score(state) and not expired:
            yield f"it is not listed as {'open' if state.is_open else 'ended'}"

    async def _buckets(self) -> AsyncIterator[Finding]:
        changed = {name.decode() for name in await execute(self._client, "ZRANGE", self._keys.changed, 0, -1)}
        names = sorted(changed | self._ledger.buckets.keys())
        for start in range(0, len(names), AT_ONCE):
            part = names[start : start + AT_ONCE]
            look = await self._look([self._keys.metrics + name for name in part], [])
            if self._behind(look):
                yield self._finding("counters", "the position went back while they were read")
                return
            for name, (_, _, fields) in zip(part, look.hashes, strict=True):
                cells = {cell.decode(): int(n) for cell, n in fields.items()}
                for what in self._cell_differences(name, cells, look.now_ms):
                    yield self._finding("counters", f"bucket {name}: {what}")

    def _cell_differences(self, name: str, found: Cells, now_ms: int) -> Iterator[str]:
        ledger, bucket = self._ledger, self._ledger.buckets.get(name)
        if name in ledger.dropped or (
            not found and bucket is not None and ledger.is_gone(name, bucket, now_ms)
        ):
            return
        expected = bucket.cells if bucket is not None else {}
        self.cells += len(expected)
        for cell in sorted(found.keys() | expected.keys()):
            if found.get(cell, 0) != expected.get(cell, 0):
                yield f"{cell} is {found.get(cell, 0)}; the log has {expected.get(cell, 0)}"

    async def _look(self, hashes: Sequence[str], ids: Sequence[str]) -> _Look:
        keys = [self._keys.position, self._keys.open, self._keys.ended, *hashes]
        following, open_count, now_s, *flat = await self._observe(self._client, keys, list(ids))
        position = int(following) if following != b"" else None
        if position is not None and position > self._ledger.position:  # a worker has committed meanwhile
            await self._fold_until(position)
        triples = [
            (_number(flat[at]), _number(flat[at + 1]), _fields(flat[at + 2])) for at in range(0, len(flat), 3)
        ]
        self.position = position
        return _Look(position, int(open_count), int(now_s) * 1000, triples)

    def _behind(self, look: _Look) -> bool:
        return look.position is not None and look.position < self._ledger.position

    def _why_behind(self) -> str:
        position, first = self.position or 0, self._ledger.first
        if position >= first:
            return "its position went back: Redis lost its data"
        return (
            f"Kafka deleted offsets {position} to {first - 1} before they were folded; `plaudit state "
            f"accept-loss --partition {self._ledger.partition} --from {position} --to {first}` gives them up"
        )

    def _finding(self, account: str, what: str) -> Finding:
        return Finding(account, self.position or 0, what)


def _differences(
    state: ConversationState, stored: ConversationState | str | None, *, expired: bool
) -> Iterator[str]:
    """How a stored conversation differs. An expired one may be stored whole, in part or not at all."""
    if stored is None:
        if not expired:
            yield "it is not there"
        return
    if isinstance(stored, str):
        yield stored
        return
    names: Sequence[str] = [name for name in ConversationState.__slots__ if name not in _UNCOMPARED]
    if expired:
        names = _PROGRESS
    elif stored.used is not None and is_overgrown(stored):  # its messages are not read
        names = [name for name in names if name not in _CONTENT]
    # Redis has it once an event was taken under rules that have limits.
    if stored.used is not None and not expired:
        names = [*names, "used"]
    different = [name for name in names if plain(getattr(stored, name)) != plain(getattr(state, name))]
    if different:
        yield f"its {', '.join(different)} differ from the log's"


def plain(node: Any) -> Any:
    """A part of a state in comparable form: tuples become lists, because JSON has no tuples."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [plain(value) for value in node]
    return node


def _score(state: ConversationState) -> int:
    if state.is_open or state.end is None:
        return state.activity_ms
    return int(state.end["arrived_ms"])


def _number(score: bytes) -> int | None:
    return int(float(score)) if score else None


def _fields(flat: Any) -> dict[bytes, bytes]:
    if isinstance(flat, dict):
        return flat
    return dict(zip(flat[::2], flat[1::2], strict=True))
