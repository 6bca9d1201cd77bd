"""The versions of one model: loaded before they are needed, closed when nobody needs them any more."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Protocol

from plaudit_schemas.errors import ModelError, SettingsError
from plaudit_schemas.models.activations import Activation, Activations
from plaudit_schemas.models.scores import AnswerModel

log = logging.getLogger("plaudit.scorer")

_TRY_AGAIN_S: Final = 15.0
_UNUSED_S: Final = 60.0

OpenVersion = Callable[[Activation], AnswerModel]
"""Loads a version and proves it on its canaries. Blocks. Raises an error where it cannot be used."""


class Follower(Protocol):
    """What `models.follower.ActivationFollower` is for a scorer."""

    activations: Activations

    def look(self, seen_ms: int = 0) -> None: ...
    def knows(self, arrived_ms: int) -> bool: ...


class UnusableError(ModelError):
    """No version that could score an answer can be loaded."""


class _Failure(NamedTuple):
    version: str
    error: Exception
    again_at: float

    @property
    def reason(self) -> str:
        return str(self.error) or type(self.error).__name__


class Versions:
    """The versions of one model, as they are needed.

    A version that cannot be loaded is tried again from time to time. Meanwhile the one before it goes on.
    """

    def __init__(
        self,
        follower: Follower,
        open_version: OpenVersion,
        close: Callable[[AnswerModel], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Loads nothing yet.

        Args:
            close: closes a model once nobody uses it; awaited.
        """
        self._follower, self._open_version, self._close, self._clock = follower, open_version, close, clock
        self._looking = asyncio.Lock()
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, AnswerModel] = {}
        self._used_at: dict[str, float] = {}
        self._holders: Counter[str] = Counter()
        self._failures: dict[str, _Failure] = {}
        self._latest_ms = 0

    @property
    def loaded(self) -> list[AnswerModel]:
        """The models in memory."""
        return list(self._open.values())

    @property
    def is_loading(self) -> bool:
        """Whether a version is being loaded. That may take minutes, and is no hang."""
        return bool(self._loading)

    @property
    def unusable(self) -> Mapping[str, str]:
        """The version of each publication that could not be loaded, and the reason."""
        # One that is not even tried any more is not needed either: it was rolled back, or its time is over.
        needed_since = self._clock() - _UNUSED_S
        needed = [each for each in self._failures.values() if each.again_at > needed_since]
        return {each.version: each.reason for each in needed}

    async def know(self, arrived_ms: int) -> None:
        """Make sure that it is known what is active at a time of the broker that has passed.

        Raises:
            ServiceUnavailableError, TopicError, RegistryError: as `ActivationFollower.look`.
        """
        if not self._follower.knows(arrived_ms):  # else a look under way need not be waited for
            await self._look(arrived_ms)

    async def look(self) -> None:
        """Learn of new publications, and load the newest one before its time comes.

        Raises:
            ServiceUnavailableError, TopicError, RegistryError: as `ActivationFollower.look`.
        """
        await self._look(None)
        newest = self._follower.activations.newest
        if newest is not None:
            await self._loaded(newest)

    def had_none_at(self, arrived_ms: int) -> bool:
        """Whether it is known that no version was active at a time of the broker."""
        return self._follower.knows(arrived_ms) and self._follower.activations.at(arrived_ms) is None

    @asynccontextmanager
    async def active_at(self, completed_ms: int) -> AsyncIterator[AnswerModel | None]:
        """The model that scores answers of this time, for as long as the block lasts; None if there is none.

        Raises:
            UnusableError: neither the active version nor one before it can be loaded.
            SettingsError: models cannot run here as the settings ask for.
        """
        self._latest_ms = max(self._latest_ms, completed_ms)
        model = await self._model_at(completed_ms)
        if model is None:
            yield None
            return
        self._holders[model.sha256] += 1
        try:
            yield model
        finally:
            self._holders[model.sha256] -= 1
            self._used_at[model.sha256] = self._clock()

    async def close_unused(self) -> None:
        """Close models that were not used for a while, unless they will be."""
        activations = self._follower.activations
        # The newest one may have its time far ahead. Until then answers belong to another.
        wanted = {each.sha256 for each in (activations.newest, activations.at(self._latest_ms)) if each}
        for sha256, model in list(self._open.items()):
            unused_s = self._clock() - self._used_at[sha256]
            if sha256 in wanted or self._holders[sha256] or unused_s < _UNUSED_S:
                continue
            del self._open[sha256]
            log.info("closing version %s of %s, which is not needed any more", model.version, model.name)
            await self._close(model)

    async def close(self) -> None:
        """Close all models."""
        while self._open:
            await self._close(self._open.popitem()[1])

    async def _model_at(self, completed_ms: int) -> AnswerModel | None:
        activations = self._follower.activations
        active = activation = activations.at(completed_ms)
        while activation is not None:
            model = await self._loaded(activation)
            if model is not None:
                return model
            activation = activations.at(activation.active_from_ms - 1)
        if active is None:
            return None
        failure = self._failures.get(active.sha256)
        reason = "it cannot be loaded" if failure is None else failure.reason
        raise UnusableError(f"version {active.version} of {active.name} cannot be used: {reason}")

    async def _look(self, arrived_ms: int | None) -> None:
        """Look, alone, unless `arrived_ms` is known by then. None looks in any case."""
        # Shielded here and below: a thread goes on when its caller gives up, and must stay the only one.
        await asyncio.shield(asyncio.create_task(self._look_alone(arrived_ms)))

    async def _look_alone(self, arrived_ms: int | None) -> None:
        async with self._looking:
            if arrived_ms is None or not self._follower.knows(arrived_ms):
                await asyncio.to_thread(self._follower.look, arrived_ms or 0)

    async def _loaded(self, activation: Activation) -> AnswerModel | None:
        """The model of an activation; None where it cannot be loaded now."""
        sha256 = activation.sha256
        if sha256 not in self._open:
            failure = self._failures.get(sha256)
            if failure is None:
                await asyncio.shield(self._begin_loading(activation))
            elif self._clock() >= failure.again_at:
                self._begin_loading(activation)  # not awaited: to try may take minutes
        failure = self._failures.get(sha256)
        if failure is not None and isinstance(failure.error, SettingsError):
            raise failure.error  # it concerns every version
        return self._open.get(sha256)

    def _begin_loading(self, activation: Activation) -> "asyncio.Task[None]":
        sha256 = activation.sha256
        task = self._loading.get(sha256)
        if task is None:
            task = self._loading[sha256] = asyncio.create_task(self._load(activation))
            task.add_done_callback(lambda _task: self._loading.pop(sha256, None))
        return task

    async def _load(self, activation: Activation) -> None:
        sha256, before = activation.sha256, self._failures.get(activation.sha256)
        try:
            model = await asyncio.to_thread(self._open_version, activation)
        except Exception as error:  # whatever files made libraries raise, the version before goes on
            failure = _Failure(activation.version, error, self._clock() + _TRY_AGAIN_S)
            self._failures[sha256] = failure
            if before is None or before.reason != failure.reason:
                name, version = activation.name, activation.version
                log.warning("version %s of %s cannot be used: %s", version, name, failure.reason)
            return
        self._failures.pop(sha256, None)
        self._open[sha256], self._used_at[sha256] = model, self._clock()
        log.info("version %s of %s is loaded, on %s", model.version, model.name, model.provider)
