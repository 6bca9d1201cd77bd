"""Scorers as real processes, with a worker beside them."""

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.names import ADD_MESSAGE

from harness.events import events
from harness.waiting import eventually
from tests.support.health import asked, metrics, wait_ready
from tests.support.line import Line
from tests.support.scorers import Scorers, once

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture
def scorers() -> Iterator[Callable[..., Scorers]]:
    made: list[Scorers] = []

    def make(line: Line, **settings: str) -> Scorers:
        made.append(Scorers(line, settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def answers(line: Line) -> dict[tuple[str, str], int]:
    """Conversation and message of each complete answer in the log -> the broker's time of its record."""
    decoder = Decoder("conversation_event")
    found: dict[tuple[str, str], int] = {}
    for record in line.log():
        assert record.value is not None
        event = decoder.decode(record.value)
        name, body = event["body"]
        if name == ADD_MESSAGE and body["role"] == "assistant" and body["status"] == "complete":
            found.setdefault((event["conversation_id"], body["message_id"]), record.timestamp)
    return found


def some_events(count: int, **options: Any) -> list[tuple[bytes, bytes]]:
    return list(events(count, start_us=time.time_ns() // 1000, **options))


def test_every_answer_has_one_score_of_the_version_that_was_active(
    line: Callable[..., Line], scorers: Callable[..., Scorers]
) -> None:
    one = line()
    scoring = scorers(one)
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    scoring.start()
    one.send(some_events(2000, open_conversations=40))
    one.wait_folded()
    scoring.wait_scored()
    found = once(scoring.sent())
    active = scoring.activations()
    assert found.keys() == answers(one).keys()
    for place, arrived_ms in answers(one).items():
        activation = active.at(arrived_ms)
        assert activation is not None
        assert found[place].version == activation.version
    one.wait_folded()
    one.check_exact()


def unusable(scoring: Scorers) -> float:
    """How many publications the scorer cannot use."""
    (line,) = metrics(scoring.port(), "plaudit_scorer_unusable_publications ")
    return float(line.split()[-1])


def check_once(line: Line, scoring: Scorers) -> None:
    """Each answer has one score, of the version that was active when it came."""
    line.wait_folded(supervised=True)
    scoring.wait_scored()
    found, active, came = once(scoring.sent()), scoring.activations(), answers(line)
    wanted = {place: active.at(arrived_ms) for place, arrived_ms in came.items()}
    expected = {place: each.version for place, each in wanted.items() if each is not None}
    assert {place: score.version for place, score in found.items()} == expected
    line.wait_folded(supervised=True)


@pytest.mark.slow
def test_scorers_and_workers_are_killed_and_versions_swapped_meanwhile(
    line: Callable[..., Line], scorers: Callable[..., Scorers]
) -> None:
    one = line(settings={"worker_batch": "200", "worker_instance": "worker"})
    scoring = scorers(one, scorer_batch="100")
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    scoring.start()
    sent = some_events(2000, open_conversations=60)
    for part, at in enumerate(range(0, 1500, 500)):
        before = len(scoring.sent())
        one.send(sent[at : at + 500])
        eventually(lambda: len(scoring.sent()) > before, "scores come")  # noqa: B023  # called at once
        last = scoring.publish(str(part + 2), {"the": part / 10.0})
        one.end_worker(one.workers[-1])
        scoring.running[-1].kill()
        one.start_worker()
        scoring.start()
    eventually(lambda: time.time_ns() // 1_000_000 > last.active_from_ms, "the last version is active")
    one.send(sent[1500:])
    check_once(one, scoring)
    assert {"1", "4"} <= {score.version for score in scoring.sent()}
    one.check_exact()


@pytest.mark.slow
def test_scorers_that_are_stopped_in_the_midst_of_it_end_well(
    line: Callable[..., Line], scorers: Callable[..., Scorers]
) -> None:
    one = line()
    scoring = scorers(one, scorer_batch="20")
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    sent = some_events(3000, open_conversations=40)
    for first in range(0, 3000, 1000):
        running = scoring.start()
        wait_ready(scoring.port())
        before = len(scoring.sent())
        one.send(sent[first : first + 1000])
        eventually(lambda: len(scoring.sent()) > before, "scores come")  # noqa: B023  # called at once
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0, scoring.logs()
    scoring.start()
    check_once(one, scoring)


@pytest.mark.slow
def test_a_second_scorer_takes_its_share_and_a_paused_one_does_no_harm(
    line: Callable[..., Line], scorers: Callable[..., Scorers]
) -> None:
    one = line()
    scoring = scorers(one)
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    first = scoring.start()
    sent = some_events(1500, open_conversations=40)
    one.send(sent[:500])
    scoring.wait_scored()
    scoring.start()
    wait_ready(scoring.port(1))
    one.send(sent[500:1000])
    scoring.wait_scored()
    assert [metrics(scoring.port(at), "plaudit_scorer_assigned_partitions ") for at in (0, 1)] == [
        ["plaudit_scorer_assigned_partitions 2.0"]
    ] * 2
    first.send_signal(signal.SIGSTOP)
    one.send(sent[1000:])
    scoring.wait_scored()
    first.send_signal(signal.SIGCONT)
    check_once(one, scoring)


@pytest.mark.slow
def test_a_scorer_waits_while_redis_is_filled_again(
    line: Callable[..., Line], scorers: Callable[..., Scorers], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    scoring = scorers(one)
    scoring.publish("1", delay_ms=1)
    one.start_worker()
    scoring.start()
    sent = some_events(1200, open_conversations=30)
    one.send(sent[:600])
    scoring.wait_scored()
    before = len(scoring.sent())
    one.end_worker(one.workers[-1])
    with redis.Redis.from_url(server.address) as client:
        client.flushall()
    one.send(sent[600:])
    eventually(lambda: asked(scoring.port(), "/health/ready")[1].get("degraded") is not None, scoring.logs())
    assert len(scoring.sent()) == before
    one.start_worker()
    check_once(one, scoring)
    assert len(scoring.sent()) == len(answers(one)), "nothing was scored twice"


@pytest.mark.slow
def test_a_version_whose_files_are_gone_is_left_out_until_they_are_back(
    line: Callable[..., Line], scorers: Callable[..., Scorers]
) -> None:
    one = line()
    scoring = scorers(one)
    scoring.publish("1", delay_ms=1)
    activation = scoring.publish("2", {"the": 1.0})
    aside = scoring.folder_of("2").rename(scoring.folder_of("aside"))
    one.start_worker()
    scoring.start()
    eventually(
        lambda: (
            metrics(scoring.port(), "plaudit_scorer_unusable") == ["plaudit_scorer_unusable_publications 1.0"]
        ),
        "the version is known to be unusable",
    )
    sent = some_events(400, open_conversations=20)
    one.send(sent[:200])
    scoring.wait_scored()
    assert {score.version for score in scoring.sent()} == {"1"}
    assert max(answers(one).values()) > activation.active_from_ms
    aside.rename(scoring.folder_of("2"))
    eventually(
        lambda: (
            metrics(scoring.port(), "plaudit_scorer_unusable") == ["plaudit_scorer_unusable_publications 0.0"]
        ),
        "it is usable again",
    )
    before = len(once(scoring.sent()))
    one.send(sent[200:])
    scoring.wait_scored()
    assert {score.version for score in scoring.sent()[before:]} <= {"1", "2"}
    assert len(once(scoring.sent())) == len(answers(one))
