"""Redis or Valkey, a single server or a cluster, and what it means that it is away."""

from typing import Any

from redis import Redis, RedisCluster
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.exceptions import RedisClusterException, RedisError

AWAY = (RedisError, RedisClusterException, OSError)
"""What a call raises where Redis does not answer or refuses; a cluster's error is of no family."""

_OPTIONS: dict[str, Any] = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0}


def connect(url: str) -> Any:
    """A redis.asyncio client; it connects on first use. `redis+cluster://` speaks to a cluster."""
    if _is_cluster(url):
        return AsyncRedisCluster.from_url(_plain(url), **_OPTIONS)
    return AsyncRedis.from_url(url, **_OPTIONS)


def connect_blocking(url: str) -> Any:
    """A client that blocks; a cluster's connects at once, and raises one of `AWAY`."""
    if _is_cluster(url):
        return RedisCluster.from_url(_plain(url), **_OPTIONS)
    return Redis.from_url(url, **_OPTIONS)


def _is_cluster(url: str) -> bool:
    return "+cluster" in url.partition(":")[0]


def _plain(url: str) -> str:
    return url.replace("+cluster", "", 1)
