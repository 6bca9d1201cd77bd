"""The keys that sign browser tokens: those of the settings, or keys in Redis with a new one every day.

All gateways on one Redis share its keys. An old key is kept until the last token that it signed has expired.
Redis may be emptied: whatever gateway remembers a key puts it back, so tokens stay valid as long as one runs.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import orjson

from plaudit_producers.gateway.settings import TOKEN_SECRET_BYTES, GatewaySettings
from plaudit_producers.setting_values import pairs_of

ROTATE_S: Final = 86_400  # one day
KNOWN_S: Final = 10  # until every gateway has read a new key, also one whose clock is some seconds off


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
        self._rows: Mapping[str, _Row] = {}

    @property
    def secrets(self) -> Mapping[str, str]:
        """As in `SigningKeys`."""
        return {key_id: row.secret for key_id, row in self._rows.items()}

    @property
    def current(self) -> tuple[str, str] | None:
        """The newest key that every gateway has had the time to read; the oldest if there is none."""
        if not self._rows:
            return None
        order = sorted(self._rows, key=lambda key_id: (self._rows[key_id].made_at, key_id))
        known_before = self._clock() - KNOWN_S
        known = [key_id for key_id in order if self._rows[key_id].made_at <= known_before]
        chosen = known[-1] if known else order[0]
        return chosen, self._rows[chosen].secret

    async def refresh(self) -> None:
        now = self._clock()
        stored = await self._read()
        oldest = now - 2 * ROTATE_S - self._longest_token_s
        rows = {key_id: row for key_id, row in {**self._rows, **stored}.items() if row.made_at >= oldest}
        if not any(row.made_at > now - ROTATE_S for row in rows.values()):
            rows |= _new_row(int(now))
        for key_id in rows.keys() - stored.keys():
            await self._redis.hsetnx(self._key, key_id, orjson.dumps(rows[key_id]._asdict()))
        if old := stored.keys() - rows.keys():
            await self._redis.hdel(self._key, *old)
        # Once more, for those that other gateways made at the same moment.
        self._rows = {**rows, **await self._read()} if rows.keys() - stored.keys() else rows

    async def _read(self) -> dict[str, "_Row"]:
        found = {}
        for key_id, text in (await self._redis.hgetall(self._key)).items():
            row = orjson.loads(text)
            found[key_id.decode()] = _Row(str(row["secret"]), int(row["made_at"]))
        return found


class _Row(NamedTuple):
    """A key: its secret, and when it was made, in seconds since 1970."""

    secret: str
    made_at: int


def _new_row(now: int) -> dict[str, _Row]:
    # The id is new each time. One that follows from the day could stand for another secret after Redis was
    # emptied, and the tokens of the first would be refused. Several gateways may each make a key of the day.
    return {
        f"day-{now // ROTATE_S}-{secrets.token_hex(4)}": _Row(secrets.token_urlsafe(TOKEN_SECRET_BYTES), now)
    }


def signing_keys_of(settings: GatewaySettings, redis: Any, prefix: str) -> SigningKeys:
    """The configured keys, or shared ones if the settings name none."""
    configured = pairs_of(settings.gateway_token_secret, TOKEN_SECRET_BYTES)
    if configured:
        return ConfiguredSigningKeys(configured)
    return SharedSigningKeys(redis, prefix, settings.gateway_token_max_s)
