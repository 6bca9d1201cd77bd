"""Topics that lose data, or are not those of the state: refused at start, and noticed while a worker runs."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from plaudit_infra.servers.process import free_port
from plaudit_schemas.service.recorded_line import topic_ids_key
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS

from harness.events import events
from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.health import metrics, wait_ready, wait_unready
from tests.support.line import Line
from tests.support.topics import add_partitions, alter_topic, make_anew

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
Make = Callable[..., Line]

SOON = {"topic_check_s": "0.3"}


def _some(count: int = 300, seed: int = 1) -> list[tuple[bytes, bytes]]:
    return list(events(count, open_conversations=30, seed=seed, start_us=time.time_ns() // 1000))


def test_every_setting_that_loses_data_is_refused_and_named_at_once(line: Make) -> None:
    one = line()
    changes = [
        (EVENTS, "cleanup.policy", "compact"),
        (EVENTS, "retention.ms", "1000"),
        (EVENTS, "retention.bytes", "1000000"),
        (EVENTS, "message.timestamp.type", "CreateTime"),
        (EVENTS, "max.message.bytes", "1048588"),
        (FINISHED, "retention.bytes", "1000000"),
        (FINISHED, "max.message.bytes", "1048588"),
        (DEAD_LETTERS, "cleanup.policy", "compact"),
        (METRICS, "message.timestamp.type", "CreateTime"),
    ]
    for topic, setting, value in changes:
        alter_topic(one.connection, topic, setting, value)
    assert one.wait_ended(one.start_worker()) == 1
    (told,) = [text for text in one.logs().splitlines() if "cleanup.policy" in text]
    for topic, setting, _ in changes:
        assert f"{topic}: {setting}" in told or setting in told.partition(topic)[2], (topic, setting)
    code, printed = run_command(one, "topics", "create", "--partitions", "4")
    assert code == 1
    assert printed.count("LOSES DATA") == 8
    assert printed.count("GIVES WRONG RESULTS") == 1


@pytest.mark.parametrize(
    ("setting", "bad", "good"),
    [
        pytest.param("cleanup.policy", "compact", "delete", id="compaction"),
        pytest.param("retention.ms", "3600000", "1209600000", id="an hour"),
        pytest.param("retention.bytes", "1000000000", "-1", id="a gigabyte"),
    ],
)
def test_a_setting_that_is_changed_later_is_told_and_folding_goes_on(
    line: Make, setting: str, bad: str, good: str
) -> None:
    one, port = line(settings=SOON), free_port()
    one.start_worker(web_port=str(port))
    wait_ready(port)
    alter_topic(one.connection, EVENTS, setting, bad)
    wait_unready(port, setting)
    (sample,) = metrics(port, "plaudit_topic_problem")
    assert f'setting="{setting}"' in sample
    assert 'effect="loss"' in sample
    told = [text for text in one.logs().splitlines() if f"{EVENTS}: " in text and setting in text]
    assert len(told) == 1, "logged once"
    one.send(_some())
    one.wait_folded()
    one.check_exact()
    alter_topic(one.connection, EVENTS, setting, good)
    wait_ready(port)
    assert metrics(port, "plaudit_topic_problem") == []


def test_with_producers_clocks_nothing_is_folded_until_it_is_mended(line: Make) -> None:
    one, port = line(settings=SOON), free_port()
    one.start_worker(web_port=str(port))
    wait_ready(port)
    alter_topic(one.connection, EVENTS, "message.timestamp.type", "CreateTime")
    wait_unready(port, "producers' clocks")
    one.send(_some())
    later = time.monotonic() + 3
    eventually(lambda: time.monotonic() > later, "a worker would have folded them by now")
    assert one.folded() == 0
    alter_topic(one.connection, EVENTS, "message.timestamp.type", "LogAppendTime")
    wait_ready(port)
    one.wait_folded()
    one.check_exact()


def test_a_topic_made_anew_is_refused_until_the_state_is_reset(line: Make) -> None:
    """It is longer than the old position: without its id, its first events would be skipped in silence."""
    one = line(partitions=1, settings=SOON)
    one.send(_some(100))
    worker = one.start_worker()
    one.wait_folded()
    assert "1 workers are in the group" in _refused(one, "state", "reset", "--yes")
    one.end_worker(worker)
    make_anew(one.connection, EVENTS)
    one.send(_some(250, seed=2))
    assert one.wait_ended(one.start_worker()) == 1
    assert "made anew" in one.logs()
    assert "plaudit state reset" in one.logs()
    assert "topics: " in _refused(one, "audit", "--without-rows")

    eventually(lambda: run_command(one, "state", "reset")[0] == 0, "the group knows that the worker has gone")
    assert one.position(0) == 100, "without --yes nothing is deleted"
    with redis.Redis.from_url(one.redis) as client:
        client.set(one.connection.redis_prefix + "{plaudit:limits}:x", 1)
        code, printed = run_command(one, "state", "reset", "--yes")
        assert (code, "conversations" in printed) == (0, True)
        left = list(client.scan_iter(one.connection.redis_prefix + "*"))
        assert left == [(one.connection.redis_prefix + "{plaudit:limits}:x").encode()], "gateways keep theirs"
    one.start_worker()
    one.wait_folded()
    assert one.position(0) == 250


def test_a_topic_made_anew_under_a_running_worker_stops_it_from_folding(line: Make) -> None:
    one, port = line(partitions=1, settings=SOON), free_port()
    one.send(_some(100))
    one.start_worker(web_port=str(port))
    one.wait_folded()
    make_anew(one.connection, EVENTS)
    one.send(_some(250, seed=2))
    wait_unready(port, "made anew")
    assert one.lost_workers() == []
    assert one.position(0) == 100
    assert any('setting="topic id"' in sample for sample in metrics(port, "plaudit_topic_problem"))


def test_a_state_of_an_earlier_version_takes_the_id_of_its_own_log_only(line: Make) -> None:
    one = line(partitions=1)
    one.send(_some(100))
    worker = one.start_worker()
    one.wait_folded()
    one.end_worker(worker)
    ids = topic_ids_key(one.connection.redis_prefix)
    with redis.Redis.from_url(one.redis) as client:
        recorded = client.hgetall(ids)
        assert len(recorded) == 2
        client.delete(ids)
        one.send(_some(10, seed=5))
        worker = one.start_worker()
        one.wait_folded()
        one.end_worker(worker)
        assert client.hgetall(ids) == recorded
        client.delete(ids)
        make_anew(one.connection, EVENTS)
        one.send(_some(250, seed=2))
        assert one.wait_ended(one.start_worker()) == 1
        assert "not the log that the state in Redis was made from" in one.logs()
        assert client.hgetall(ids) == {}


def test_finished_conversations_made_anew_are_refused(line: Make) -> None:
    """What the state says was sent is gone from the new topic."""
    one = line(partitions=1)
    one.send(_some(100))
    worker = one.start_worker()
    one.wait_folded()
    one.end_worker(worker)
    make_anew(one.connection, FINISHED)
    assert one.wait_ended(one.start_worker()) == 1
    assert f"{FINISHED}: it was made anew" in one.logs()


def test_a_reset_that_was_cut_off_keeps_workers_away(line: Make) -> None:
    one = line(partitions=1)
    with redis.Redis.from_url(one.redis) as client:
        client.set(one.connection.redis_prefix + "plaudit:reset", "begun")
    assert one.wait_ended(one.start_worker()) == 1
    assert "run `plaudit state reset --yes` again" in one.logs()
    assert run_command(one, "state", "reset", "--yes")[0] == 0
    one.send(_some(50))
    one.start_worker()
    one.wait_folded()


def test_added_partitions_are_refused_at_the_assignment(line: Make) -> None:
    """The watch is slow here: the group's assignment alone tells."""
    one, port = line(settings={"topic_check_s": "600"}), free_port()
    one.start_worker(web_port=str(port))
    wait_ready(port)
    add_partitions(one.connection, EVENTS, 6)
    wait_unready(port, "4")
    one.send(_some())
    later = time.monotonic() + 3
    eventually(lambda: time.monotonic() > later, "a worker would have folded them by now")
    assert (one.folded(), one.lost_workers()) == (0, [])


def test_a_state_on_a_cluster_is_reset_as_a_whole(kafka: str, redis_cluster: str, tmp_path: Path) -> None:
    one = Line(kafka, redis_cluster, tmp_path)
    other = f"other{one.connection.redis_prefix}"
    try:
        one.send(_some())
        worker = one.start_worker()
        one.wait_folded()
        one.end_worker(worker)
        with redis.RedisCluster.from_url(redis_cluster.replace("+cluster", "")) as client:
            client.set(other + "{plaudit:1}:position", 1)
            words = ("state", "reset", "--yes")
            eventually(lambda: run_command(one, *words)[0] == 0, "the group knows that the worker has gone")
            assert list(client.scan_iter(one.connection.redis_prefix + "*")) == []
            assert client.delete(other + "{plaudit:1}:position") == 1
        one.start_worker()
        one.wait_folded()
        one.check_exact()
    finally:
        one.stop_workers()


def _refused(one: Line, *words: str) -> str:
    code, printed = run_command(one, *words)
    assert code == 1, printed
    return printed
