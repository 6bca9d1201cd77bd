"""Whatever producers send, the audit balances: random logs through the worker's own code and a real Redis."""

import time
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import redis
from plaudit_stream_processors.fold import CAPS_VERSION, CURRENT_VERSION
from plaudit_stream_processors.state.keys import partition_keys

from tests.support.audited_line import RETENTION_MS, AuditedLine
from tests.support.unruly_words import UnrulyLog

pytestmark = [pytest.mark.redis]

_WEEK_MS = 7 * 24 * 3_600_000
_EVENTS = 150


def _seeds(count: int) -> list[Any]:
    """Of many seeds, the first is quick enough for every run."""
    return [pytest.param(seed, marks=[pytest.mark.slow] * (seed > 0)) for seed in range(count)]


def _line(valkey: str, seed: int, version: int = CURRENT_VERSION) -> AuditedLine:
    log = UnrulyLog(seed, began_ms=time.time_ns() // 1_000_000 - _WEEK_MS)
    return AuditedLine(log, valkey, f"b{uuid.uuid4().hex[:8]}.", Random(seed), version)


@pytest.mark.parametrize("seed", _seeds(12), ids="seed {}".format)
def test_a_random_log_balances(valkey: str, seed: int) -> None:
    line = _line(valkey, seed)
    for _ in range(3):
        line.log.grow(_EVENTS, RETENTION_MS)
        line.fold()
        assert line.differences() == []


@pytest.mark.slow
@pytest.mark.parametrize("version", range(CAPS_VERSION - 1, 0, -1), ids="rules {}".format)
@pytest.mark.parametrize("seed", _seeds(3), ids="seed {}".format)
def test_a_random_log_that_earlier_rules_have_begun_balances(valkey: str, seed: int, version: int) -> None:
    line = _line(valkey, seed, version)
    line.log.grow(_EVENTS, RETENTION_MS)
    line.fold()
    assert line.differences() == []
    line.upgrade()
    for _ in range(2):
        line.log.grow(_EVENTS, RETENTION_MS)
        line.fold()
        assert line.differences() == []


def _listed(client: Any, line: AuditedLine) -> Iterator[bytes]:
    """The hashes of conversations that are listed as open or ended."""
    for partition in range(len(line.log.partitions)):
        names = partition_keys(line.prefix, partition)
        for listed in (names.open, names.ended):
            yield from (names.conversation.encode() + key for key in client.zrange(listed, 0, -1))


def test_what_is_listed_does_not_vanish(valkey: str) -> None:
    """An expired conversation that is erased stays as long as any other that was erased."""
    line = _line(valkey, 3)
    line.log.grow(4 * _EVENTS, RETENTION_MS)
    line.fold()
    with redis.Redis.from_url(valkey) as client:
        listed = list(_listed(client, line))
        assert len(listed) > 50
        assert {client.pttl(key) for key in listed} == {-1}
