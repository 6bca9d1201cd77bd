"""Events that Kafka deleted before they were folded: one partition waits, the others go on."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from plaudit_infra.servers.process import free_port
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import conversation_key, partition_of
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS

from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.health import metrics, wait_ready, wait_unready
from tests.support.line import Line
from tests.support.topics import delete_before

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
Make = Callable[..., Line]


_ENCODER = Encoder("conversation_event")
_STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("StartConversation", {}),
    ("AddMessage", {"message_id": "q", "role": "user", "content": "question"}),
    ("AddMessage", {"message_id": "a", "parent_id": "q", "role": "assistant", "content": "answer"}),
    ("EndConversation", {"reason": "closed"}),
)


def _send_chats(one: Line, name: str, count: int = 60) -> None:
    """Send chats, all of them one step at a time: all begin before one of them ends."""
    steps = []
    for number, (body, fields) in enumerate(_STEPS):
        for chat in range(count):
            conversation = f"{name}-{chat}"
            record = {
                "event_id": f"{conversation}-{number}",
                "application": "acme",
                "conversation_id": conversation,
                "occurred_at": time.time_ns() // 1000,
                "source": "sdk",
                "body": (f"plaudit.v1.{body}", fields),
            }
            steps.append((conversation_key("acme", conversation), _ENCODER.encode(record)))
    one.send(steps)


def _lose(one: Line, partition: int) -> tuple[int, int]:
    """With no worker running, let a partition lose what was not read. Returns the range."""
    _send_chats(one, "cut")
    position = one.position(partition)
    first = position + (one.ends()[partition] - position) // 2
    assert position < first
    delete_before(one.connection, EVENTS, partition, first)
    _send_chats(one, "later")
    return position, first


def test_a_lost_range_stops_one_partition_until_somebody_gives_it_up(line: Make) -> None:
    one, port = line(), free_port()
    _send_chats(one, "whole")
    worker = one.start_worker()
    one.wait_folded()
    assert one.end_worker(worker, signal.SIGTERM) == 0
    position, first = _lose(one, 2)

    one.start_worker(web_port=str(port))
    ends = one.ends()
    others = [number for number in range(4) if number != 2]
    eventually(lambda: all(one.position(n) == ends[n] for n in others), "the other partitions are folded")
    command = f"plaudit state accept-loss --partition 2 --from {position} --to {first}"
    wait_unready(port, command)
    (sample,) = metrics(port, "plaudit_unread_records")
    assert f'end="{first}",first="{position}",partition="2"' in sample
    assert float(sample.rpartition(" ")[2]) == first - position
    assert one.position(2) == position

    code, shown = run_command(one, "state", "show")
    assert (code, command in shown) == (1, True)
    assert command in run_command(one, "audit", "--without-rows")[1]
    for words in (
        ["--from", str(position - 1), "--to", str(first)],
        ["--from", str(position), "--to", "999"],
    ):
        code, told = run_command(one, "state", "accept-loss", "--partition", "2", *words)
        assert code == 1, told
    assert one.position(2) == position

    assert run_command(one, *command.split()[1:])[0] == 0
    one.wait_folded()
    wait_ready(port)
    assert run_command(one, "state", "show")[0] == 0
    given_up = (
        f"given up: partition 2: Kafka deleted offsets {position} to {first - 1} before they were folded"
    )
    code, audited = run_command(one, "audit", "--without-rows")
    assert (code, audited.count(given_up)) == (0, 1), audited
    assert audited.count("given up: ") == 1, "what was refused is not recorded"
    (letter,) = [each for each in one.read(DEAD_LETTERS) if dict(each.headers)["reason"] == b"lost"]
    assert dict(letter.headers)["offset"] == str(position).encode()
    assert letter.value is None
    assert run_command(one, "dead-letters", "--reason", "lost", "--send")[0] == 0

    one.stop_workers()
    with redis.Redis.from_url(one.redis) as client:
        for key in client.scan_iter(one.connection.redis_prefix + "*"):
            client.delete(key)
    one.start_worker()
    one.ended.update(worker.pid for worker in one.workers[:-1])
    one.wait_folded()
    audited = run_command(one, "audit", "--without-rows")[1]
    assert given_up in audited, "the dead letters know it after Redis was emptied"


def test_a_worker_that_is_overtaken_by_retention_folds_the_other_partitions(line: Make) -> None:
    """As above, but the worker runs, and its fetch finds that the next record is gone."""
    one, port = line(partitions=2, settings={"worker_batch": "1", "topic_check_s": "0.3"}), free_port()
    one.start_worker(web_port=str(port))
    _send_chats(one, "whole", 10)
    one.wait_folded()
    reached = one.position(0)
    worker = one.workers[0]
    worker.send_signal(signal.SIGSTOP)
    filler = [(b"bench/filler-%d" % n, b"x" * 1_500_000) for n in range(60)]
    one.send((key, value) for key, value in filler if partition_of(key, 2) == 0)
    one.send((key, value) for key, value in filler if partition_of(key, 2) == 1)
    end = one.ends()[0]
    delete_before(one.connection, EVENTS, 0, end)
    _send_chats(one, "later", 20)
    worker.send_signal(signal.SIGCONT)
    ends = one.ends()
    eventually(lambda: one.position(1) == ends[1], "the other partition is folded")
    wait_unready(port, f"--to {end}")
    first = one.position(0)
    assert reached <= first < end
    assert one.lost_workers() == []
    words = ["--partition", "0", "--from", str(first), "--to", str(end)]
    assert run_command(one, "state", "accept-loss", *words)[0] == 0
    one.wait_folded()
    wait_ready(port)
    assert run_command(one, "audit", "--without-rows")[0] == 0
