"""The keys that sign browser tokens: those of the settings, or keys in Redis with a new one every day.

All gateways on one Redis share its keys. An old key is kept until the last token that it signed has expired.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import orjson

from plaudit_producers.gateway.settings import TOKEN_SECRET_BYTES, GatewaySettings
from plaudit_producers.setting_values import pairs_of

ROTATE_S: Final = 86_400  # one day; a key's id is the number of its day


class SigningKeys(Protocol):
    """The keys that this gateway knows now."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """Key id -> secret, of every key that may have signed a token still in use."""

    @property
    def current(self) -> tuple[str, str] | None:
        """Id and secret of the key to sign with; None until there is one."""

    async def refresh(self) -> None:
        """Read keys that other gateways made, and make a new one when it is time.

        Raises:
            service.redis.AWAY: one of these errors, if Redis does not answer.
        """


class ConfiguredSigningKeys:
    """The keys of the settings. The first one signs; tokens of all of them are accepted."""

    def __init__(self, configured: Mapping[str, str]) -> None:
        self.secrets = configured
        self.current: tuple[str, str] | None = next(iter(configured.items()))

    async def refresh(self) -> None:
        """Does nothing: settings do not change."""


class SharedSigningKeys:
    """Keys in one Redis hash: id -> {secret, made_at}."""

    def __init__(
        self, redis: Any, prefix: str, longest_token_s: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._key = f"{prefix}plaudit:token-keys"
        self._longest_token_s = longest_token_s
        self._clock = clock
        self.secrets: Mapping[str, str] = {}
        self.current: tuple[str, str] | None = None

    async def refresh(self) -> None:
        rows = await self._rows()
        now = self._clock()
        if not any(made_at > now - ROTATE_S for made_at, _, _ in rows):
            await self._make_key(int(now))
            rows = await self._rows()
        old = [key_id for made_at, key_id, _ in rows if made_at < now - 2 * ROTATE_S - self._longest_token_s]
        if old:
            await self._redis.hdel(self._key, *old)
        self.secrets = {key_id: secret for _, key_id, secret in rows if key_id not in old}
        self.current = (rows[-1][1], rows[-1][2]) if rows else None

    async def _rows(self) -> list[tuple[int, str, str]]:
        """(made_at, id, secret) of each key, the newest last."""
        found = []
        for key_id, text in (await self._redis.hgetall(self._key)).items():
            row = orjson.loads(text)
            found.append((int(row["made_at"]), key_id.decode(), str(row["secret"])))
        return sorted(found)

    async def _make_key(self, now: int) -> None:
        # The id is the number of the day, and HSETNX keeps the first value. So of several gateways one makes
        # the day's key, and all use it.
        row = {"secret": secrets.token_urlsafe(TOKEN_SECRET_BYTES), "made_at": now}
        await self._redis.hsetnx(self._key, f"day-{now // ROTATE_S}", orjson.dumps(row))


def signing_keys_of(settings: GatewaySettings, redis: Any, prefix: str) -> SigningKeys:
    """The configured keys, or shared ones if the settings name none."""
    configured = pairs_of(settings.gateway_token_secret, TOKEN_SECRET_BYTES)
    if configured:
        return ConfiguredSigningKeys(configured)
    return SharedSigningKeys(redis, prefix, settings.gateway_token_max_s)
