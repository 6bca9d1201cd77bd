"""Watches whether Redis may lose what a process keeps there."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from plaudit_schemas.service.redis_nodes import RedisNode, redis_nodes

log = logging.getLogger("plaudit.redis")

LOOK_EVERY_S: Final = 15.0


class RedisWatch:
    """Looks at every node of Redis from time to time: their settings may change, and nodes come and go.

    Attributes:
        nodes: as of the last look.
        problem: why no state may be kept there; None while nothing is known to be wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        look: Callable[[str], Awaitable[Sequence[RedisNode]]] = redis_nodes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._look, self._clock = url, look, clock
        self._looked_at: float | None = None
        self._silent: set[str] = set()
        self.nodes: Sequence[RedisNode] = ()
        self.problem: str | None = None

    @property
    def evicts(self) -> bool:
        """Whether a node may evict keys."""
        return any(node.evicts for node in self.nodes)

    @property
    def evicted(self) -> int:
        """Keys that the nodes have evicted since each of them started."""
        return sum(node.evicted or 0 for node in self.nodes)

    async def look(self) -> None:
        """Ask every node now.

        Raises:
            service.redis.AWAY: one of these errors, if Redis does not answer. What was known is kept.
        """
        self._looked_at = self._clock()
        self.nodes = await self._look(self._url)
        problem = next((node.problem for node in self.nodes if node.problem), None)
        if problem != self.problem:
            log.error("%s", problem) if problem else log.info("Redis keeps what it is given again")
        self.problem = problem
        self._note_silent_nodes()

    async def look_if_due(self) -> None:
        """Ask every node if the last look is LOOK_EVERY_S ago. Raises as `look` does."""
        if self._looked_at is None or self._clock() - self._looked_at >= LOOK_EVERY_S:
            await self.look()

    def _note_silent_nodes(self) -> None:
        silent = {node.address for node in self.nodes if node.policy is None}
        for address in sorted(silent - self._silent):
            log.warning(
                "Redis at %s does not tell its maxmemory-policy; make sure that it is noeviction", address
            )
        self._silent |= silent
