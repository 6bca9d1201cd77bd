"""`plaudit simulate` as a process: into a file, into Kafka, and with wrong arguments."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.waiting import eventually
from tests.support.event_log import by_conversation, own_topics, read_log


def simulate(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", "simulate", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_it_writes_events_to_a_file(tmp_path: Path) -> None:
    done = simulate(tmp_path, "--conversations", "20", "--models", "a:1,b:0", "--output", "events.jsonl")
    assert done.returncode == 0, done.stderr
    documents = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert f"{len(documents):,} simulated events" in done.stdout
    starts = [d["body"] for d in documents if d["body"]["type"] == "StartConversation"]
    assert len(starts) == 20
    assert {start["model"]["id"] for start in starts} == {"a", "b"}


@pytest.mark.slow
@pytest.mark.kafka
def test_it_sends_at_its_rate_and_in_order(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    began = time.monotonic()
    done = simulate(
        tmp_path, "--duration", "4", "--rate", "300", "--open", "30", "--application", "shop", "--seed", "7",
        PLAUDIT_BOOTSTRAP_SERVERS=kafka, PLAUDIT_TOPIC_PREFIX=settings.topic_prefix,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began >= 4
    log = read_log(settings)
    assert f"{len(log):,} simulated events" in done.stdout
    assert 600 < len(log) < 1_800
    for events in by_conversation(log).values():
        assert [event.sequence for event in events] == list(range(len(events)))
        assert {event.application for event in events} == {"shop"}
    times = sorted(logged.event.occurred_at for logged in log)
    assert 3 < (times[-1] - times[0]).total_seconds() < 4


@pytest.mark.kafka
def test_without_an_end_it_stops_at_an_interrupt(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)
    with subprocess.Popen(
        [sys.executable, "-m", "plaudit_infra.main", "simulate", "--rate", "300"],
        env={
            "PATH": os.environ["PATH"], "PLAUDIT_BOOTSTRAP_SERVERS": kafka,
            "PLAUDIT_TOPIC_PREFIX": settings.topic_prefix,
        },
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            eventually(lambda: len(read_log(settings)) > 100, "events arrive")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, err
    told = int(out.partition(" simulated events")[0].replace(",", ""))
    assert 0 <= len(read_log(settings)) - told <= 1  # the interrupt may come between sending and counting


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("--models", "a"), "must be NAME:QUALITY", id="model without its quality"),
        pytest.param(("--models", "a:x"), "invalid models value", id="quality in words"),
        pytest.param(("--models", "a:2"), "between 0 and 1", id="quality above one"),
        pytest.param(
            ("--shift", "zeta:0.1", "--shift-at", "5"),
            "no model of this simulation",
            id="shift of an unknown model",
        ),
        pytest.param(("--rate", "0"), "rate must be above 0", id="rate of zero"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = simulate(tmp_path, *arguments, "--output", "-")
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
