"""What operators see and do of the places of values that count apart."""

from datetime import UTC, datetime

from plaudit_schemas.commands.printing import time_text
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import NotFoundError, SettingsError
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.metrics.generations import DAY_MS
from plaudit_stream_processors.metrics.label_names import KINDS
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.label_places import HeldPlaces, LabelPlaces


async def describe_places(client: RedisClient, prefix: str, limit: int) -> list[str]:
    """Lines about every place that is held.

    Args:
        limit: how many places an application has for each kind.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    lines = []
    for held in await LabelPlaces(client, prefix).held():
        whose = printable(held.application) if held.application else "all"
        lines.append(f"{whose}: {held.kind}, {len(held.values)} of {limit} places")
        lines += [
            f"    {_shown(value)}  last seen on {_date(day)}" for value, day in sorted(held.values.items())
        ]
    return lines or ["no value has a place yet"]


async def clear_places(
    client: RedisClient, connection: ConnectionSettings, application: str | None, kind: str | None
) -> list[str]:
    """Give places back. Returns what was done, in lines.

    Args:
        application: None is every application, and the places of applications themselves.
        kind: None is every kind.

    Raises:
        SettingsError: there is no such kind.
        NotFoundError: nothing of the kind and the application has a place.
        redis.exceptions.RedisError: Redis does not answer; run it again.
    """
    if kind is not None and kind not in KINDS:
        raise SettingsError(f"--kind {kind!r} is none of {', '.join(KINDS)}")
    places = LabelPlaces(client, connection.redis_prefix)
    chosen = [
        held
        for held in await places.held()
        if application in (None, held.application) and kind in (None, held.kind)
    ]
    if not chosen:
        raise NotFoundError("no such places are held; `plaudit labels list` shows those that are")
    whose = [(held.kind, held.application) for held in chosen]
    at_ms = await places.clear(whose, await _reached_ms(client, connection))
    return [*map(_cleared, chosen), f"from {time_text(at_ms)} on, other values may have them"]


async def _reached_ms(client: RedisClient, connection: ConnectionSettings) -> int:
    """The latest record timestamp that is folded, in ms."""
    prefix = connection.redis_prefix
    recorded = await read_recorded(client, prefix, connection.topic_prefix)
    reached = 0
    for partition in range(recorded.partitions or 0):
        key = partition_keys(prefix, partition).position
        reached = max(reached, int(await execute(client, "HGET", key, "arrived_ms") or 0))
    return reached


def _cleared(held: HeldPlaces) -> str:
    whose = printable(held.application) if held.application else "all"
    return f"{whose}: {held.kind}, {len(held.values)} places cleared"


def _shown(value: str) -> str:
    return " ".join(printable(part) for part in value.split("\0") if part) or "(empty)"


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")
