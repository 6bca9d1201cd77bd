"""Forks, the end of a process, a killed process, and processes that share a spool. On a real Kafka."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer

from harness.waiting import eventually
from tests.support.event_log import (
    Logged,
    assert_whole_and_in_order,
    by_conversation,
    own_topics,
    read_log,
)
from tests.support.services import ROOT

NOWHERE = "127.0.0.1:1"
PREAMBLE = """
import os, signal, sys, time
from plaudit_producers import FeedbackProducer
from plaudit_schemas.settings.connection import ConnectionSettings
settings = ConnectionSettings(bootstrap_servers=sys.argv[1], topic_prefix=sys.argv[2])
spooling = {"spool_dir": path for path in sys.argv[3:4] if path}
"""


def script(code: str, bootstrap: str, prefix: str, *arguments: object) -> subprocess.Popen[str]:
    text = PREAMBLE + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text, bootstrap, prefix, *map(str, arguments)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err, err
    return out


def counts(log: list[Logged]) -> dict[str, int]:
    return {chat: len(events) for chat, events in by_conversation(log).items()}


@pytest.mark.kafka
def test_the_end_of_the_process_flushes(kafka: str) -> None:
    settings = own_topics(kafka)
    code = """
        producer = FeedbackProducer("shop", connection=settings, linger_ms=5000, exit_timeout_s=60)
        for number in range(100):
            producer.conversation("c").like(None)
    """
    finished(script(code, kafka, settings.topic_prefix))
    assert_whole_and_in_order(read_log(settings), {"c": 100})


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_the_end_flushes_a_producer_that_nobody_holds(kafka: str, tmp_path: Path, spool: bool) -> None:
    settings = own_topics(kafka)
    code = """
        import gc

        def main():
            waits = {"linger_ms": 5000, "exit_timeout_s": 60}
            producer = FeedbackProducer("shop", connection=settings, **waits, **spooling)
            for number in range(100):
                producer.conversation("c").like(None)

        main()
        gc.collect()
        if os.fork() == 0:
            sys.exit()  # its end waits for nothing of the parent's
        _, status = os.wait()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    finished(script(code, kafka, settings.topic_prefix, tmp_path if spool else ""))
    assert_whole_and_in_order(read_log(settings), {"c": 100})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kafka
def test_an_unclean_end_without_a_spool_loses_what_waits(kafka: str) -> None:
    # The negative case of the test above and of the spool's: nothing else sends these events.
    settings = own_topics(kafka)
    code = """
        producer = FeedbackProducer("shop", connection=settings, linger_ms=60000)
        producer.conversation("c").like(None)
        os._exit(0)
    """
    finished(script(code, kafka, settings.topic_prefix))
    assert read_log(settings) == []


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_a_forked_child_has_its_own_client_id_and_spool(kafka: str, tmp_path: Path, spool: bool) -> None:
    settings = own_topics(kafka)
    code = """
        producer = FeedbackProducer("shop", connection=settings, linger_ms=500, exit_timeout_s=60, **spooling)
        chat = producer.conversation("parent")
        chat.like(None)                       # the client, its thread and the spool exist
        producer.flush(60)                    # or librdkafka may hold a lock that the child never gets
        chat.like(None)                       # waits in the buffer
        child = os.fork()
        mine = producer.conversation("child" if child == 0 else "parent")
        for _ in range(50):
            mine.like(None)
        if child:
            _, status = os.waitpid(child, 0)
            sys.exit(status)
        # The child leaves by the ordinary way: its at-exit flush must neither hang nor send twice.
    """
    finished(script(code, kafka, settings.topic_prefix, tmp_path / "spool" if spool else ""))
    log = read_log(settings)
    assert_whole_and_in_order(log, {"parent": 52, "child": 50})
    assert len({logged.event.producer for logged in log}) == 2
    assert not spool or list((tmp_path / "spool").iterdir()) == []


def test_a_fork_after_the_end_leaves_the_files_of_others_open(tmp_path: Path) -> None:
    code = """
        options = {"connection": settings, "spool_dir": sys.argv[3], "exit_timeout_s": 0}
        with FeedbackProducer("shop", **options) as producer:
            producer.conversation("c").like(None)
        taken = [os.dup(0) for _ in range(256)]  # files of others, under numbers that the spool had too
        child = os.fork()
        if child == 0:
            for number in taken:
                os.fstat(number)
            os._exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    finished(script(code, NOWHERE, "t.", tmp_path))


@pytest.mark.kafka
def test_a_killed_process_leaves_its_spool_to_the_next(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    code = """
        producer = FeedbackProducer("shop", connection=settings, spool_dir=sys.argv[3], max_buffer_events=100)
        for number in range(5000):
            producer.conversation(f"chat {number % 7}").add_message("user", str(number))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = script(code, NOWHERE, settings.topic_prefix, tmp_path)
    assert killed.wait(120) == -signal.SIGKILL
    killed.communicate()
    with FeedbackProducer("shop", connection=settings, spool_dir=tmp_path, exit_timeout_s=60) as producer:
        producer.conversation("chat 0").add_message("user", "after")  # goes behind what was left
        assert producer.flush(60) == 0
        assert producer.stats().taken_over == 5000
        assert producer.stats().delivered == 5001
    log = read_log(settings)
    first, second = log_of(log, "user", last="after")
    assert_whole_and_in_order(first, {f"chat {n}": len(range(n, 5000, 7)) for n in range(7)})
    assert len(second) == 1
    chat_0 = by_conversation(log)["chat 0"]
    assert chat_0[-1].event_id == second[0].event.event_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.kafka
def test_a_full_spool_of_a_killed_process_is_sent_whole(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    code = """
        from plaudit_producers import BufferFullError
        producer = FeedbackProducer(
            "shop", connection=settings, spool_dir=sys.argv[3], spool_max_bytes=4 << 20, when_full="raise"
        )
        number = 0
        try:
            while True:
                producer.conversation(f"chat {number % 7}").add_message("user", str(number) * 100)
                number += 1
        except BufferFullError:
            print(number, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = script(code, NOWHERE, settings.topic_prefix, tmp_path)
    out, errors = killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL, errors
    sent = int(out)
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.log")) > (4 << 20) - 1000
    producer = FeedbackProducer(
        "shop", connection=settings, spool_dir=tmp_path, spool_max_bytes=4 << 20, exit_timeout_s=60
    )  # full for this one too, until Kafka has some of it
    with producer:
        assert producer.flush(60) == 0
        assert (producer.stats().taken_over, producer.stats().delivered) == (sent, sent)
    assert_whole_and_in_order(read_log(settings), {f"chat {n}": len(range(n, sent, 7)) for n in range(7)})
    assert list(tmp_path.iterdir()) == []


def log_of(log: list[Logged], role: str, *, last: str) -> tuple[list[Logged], list[Logged]]:
    """The log without, and with only, the messages of a given content."""
    second = [logged for logged in log if json.loads(logged.event.body.model_dump_json())["content"] == last]
    return [logged for logged in log if logged not in second], second


@pytest.mark.kafka
def test_what_was_acknowledged_before_the_kill_is_not_sent_again(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    code = """
        producer = FeedbackProducer("shop", connection=settings, spool_dir=sys.argv[3])
        for number in range(500):
            producer.conversation("c").like(None)
        assert producer.flush(60) == 0
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = script(code, kafka, settings.topic_prefix, tmp_path)
    _, errors = killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL, errors
    assert list(tmp_path.glob("*/*.log"))
    with FeedbackProducer("shop", connection=settings, spool_dir=tmp_path) as producer:
        assert producer.flush(60) == 0
        assert producer.stats().taken_over == 0
    assert_whole_and_in_order(read_log(settings), {"c": 500})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.kafka
def test_a_live_processs_spool_is_left_alone(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    nowhere = settings.model_copy(update={"bootstrap_servers": NOWHERE})
    living = FeedbackProducer("shop", connection=nowhere, spool_dir=tmp_path)
    living.conversation("living").like(None)
    code = """
        spool = {"spool_dir": sys.argv[3], "exit_timeout_s": 60}
        with FeedbackProducer("shop", connection=settings, **spool) as producer:
            producer.conversation("other").like(None)
    """
    finished(script(code, kafka, settings.topic_prefix, tmp_path))
    assert counts(read_log(settings)) == {"other": 1}
    assert living.close(0) == 1
    finished(script(code, kafka, settings.topic_prefix, tmp_path))
    assert counts(read_log(settings)) == {"other": 2, "living": 1}


@pytest.mark.kafka
def test_a_torn_tail_is_kept_aside_and_the_rest_is_sent(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    nowhere = settings.model_copy(update={"bootstrap_servers": NOWHERE})
    with FeedbackProducer("shop", connection=nowhere, spool_dir=tmp_path, exit_timeout_s=0) as producer:
        for _ in range(10):
            producer.conversation("c").like(None)
    (segment,) = tmp_path.glob("*/*.log")
    os.truncate(segment, segment.stat().st_size - 5)
    with FeedbackProducer("shop", connection=settings, spool_dir=tmp_path) as producer:
        eventually(lambda: producer.flush(1) == 0, "the spool to drain")
    assert_whole_and_in_order(read_log(settings), {"c": 9})
    assert [path.suffix for path in tmp_path.iterdir()] == [".torn"]
