"""The exactly-once claims on real servers: whatever happens, the outcome equals a recount of the log."""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from plaudit_stream_processors.state.keys import partition_keys

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]


def _now() -> int:
    return time.time_ns() // 1000


def _owners(one: Line) -> set[int]:
    """Process ids of the workers that own a partition."""
    with redis.Redis.from_url(one.redis) as client:
        keys = [partition_keys(one.connection.redis_prefix, p).position for p in range(one.partitions)]
        owners = [client.hget(key, "owner") for key in keys]
    return {int(owner.rpartition(b":")[2]) for owner in owners if owner}


def test_an_undisturbed_worker_is_exact(line: Make) -> None:
    one = line()
    one.send(events(5000, open_conversations=200, start_us=_now()))
    one.start_worker()
    one.wait_folded()
    recounted = one.check_exact()
    assert len(recounted.finished) > 100
    assert not recounted.refused


def test_garbage_and_duplicates_end_where_they_should(line: Make) -> None:
    one = line()
    sent = list(events(2000, open_conversations=50, start_us=_now()))
    one.send(sent)
    one.send(sent)
    one.send(
        [
            (b"bench/x", b"garbage"),
            (b"bench/x", b""),
            (b"bench/other", sent[0][1]),
            (b"bench/x", b"\0\0\0\0\7xyz"),
        ]
    )
    one.start_worker()
    one.wait_folded()
    recounted = one.check_exact()
    assert sorted(recounted.refused.values()) == ["bad_magic", "invalid", "truncated", "unknown_schema"]


def test_workers_killed_at_random_moments_change_nothing(line: Make) -> None:
    rng = random.Random(7)
    one = line(settings={"worker_batch": "200"})
    sent = list(events(36_000, open_conversations=600, start_us=_now()))
    running = [one.start_worker(), one.start_worker()]
    for round_ in range(12):
        one.send(sent[round_ * 3000 : (round_ + 1) * 3000])
        before = one.folded()
        eventually(
            lambda before=before: one.folded() > before,  # type: ignore[misc]
            "a worker goes on",
        )
        victim = rng.choice(running)
        time.sleep(rng.random())  # the moment is the test's input, not a wait for anything
        one.end_worker(victim)
        running = [worker for worker in running if worker.poll() is None]
        while len(running) < 2:
            running.append(one.start_worker())
    one.wait_folded(supervised=True)
    one.check_exact()


def test_workers_that_come_and_go_cost_no_other_its_life(line: Make) -> None:
    one = line(settings={"worker_batch": "100"})
    sent = list(events(16_000, open_conversations=500, start_us=_now()))
    one.start_worker()
    for round_ in range(4):
        one.send(sent[round_ * 4000 : round_ * 4000 + 2000])
        guest = one.start_worker()
        before = one.folded()
        eventually(lambda guest=guest: guest.pid in _owners(one), "the guest has partitions")  # type: ignore[misc]
        one.send(sent[round_ * 4000 + 2000 : (round_ + 1) * 4000])
        eventually(lambda before=before: one.folded() > before, "they go on")  # type: ignore[misc]
        assert one.end_worker(guest, signal.SIGTERM) == 0, one.logs()
    one.wait_folded()
    one.check_exact()


def test_a_paused_worker_that_wakes_up_writes_nothing(line: Make) -> None:
    one = line(settings={"worker_batch": "100"})
    sent = list(events(30_000, open_conversations=500, start_us=_now()))
    sleeper = one.start_worker()
    one.send(sent[:10_000])
    eventually(lambda: one.folded() > 500, "the first worker works")
    sleeper.send_signal(signal.SIGSTOP)
    one.start_worker()
    one.send(sent[10_000:])
    one.wait_folded(supervised=True)
    one.ended.add(sleeper.pid)  # it gives its partitions up, or ends over one
    sleeper.send_signal(signal.SIGCONT)
    slept = one.folder / "worker0.log"
    eventually(lambda: "another worker owns partition" in slept.read_text(), "it tried, and was refused")
    one.send(events(2000, open_conversations=50, seed=9, start_us=_now()))
    one.wait_folded(supervised=True)
    one.check_exact()


def test_an_emptied_redis_is_healed_by_the_log(line: Make, valkey_server: Callable[[], "object"]) -> None:
    server = valkey_server()
    one = line(redis=server.address)  # type: ignore[attr-defined]  # a ValkeyServer
    one.send(events(5000, open_conversations=200, start_us=_now()))
    worker = one.start_worker()
    one.wait_folded()
    worker.send_signal(signal.SIGSTOP)  # so that one batch has conversations that begin and end anew
    with server.client() as client:  # type: ignore[attr-defined]  # a ValkeyServer
        client.flushall()
    one.send(events(2000, open_conversations=50, seed=9, start_us=_now()))
    worker.send_signal(signal.SIGCONT)
    one.wait_folded(supervised=True)
    one.check_exact()


def test_a_redis_that_lost_its_last_writes_is_healed_by_the_log(
    line: Make, valkey_server: Callable[[], Any]
) -> None:
    server = valkey_server()
    one = line(redis=server.address, settings={"worker_batch": "100"})
    one.send(events(6000, open_conversations=200, start_us=_now()))
    one.start_worker()
    one.wait_folded()
    server.kill()
    (log,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    whole = log.stat().st_size
    os.truncate(log, whole * 2 // 3)
    server.start()
    kept = one.folded()
    assert 0 < kept < 6000
    one.send(events(2000, open_conversations=50, seed=9, start_us=_now()))
    one.wait_folded(supervised=True)
    one.check_exact()
