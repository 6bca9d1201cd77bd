"""`plaudit replay` on real servers: every file once, to the byte, in order, and no second time."""

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.main import main
from plaudit_producers.importers.run import Pace
from plaudit_schemas.topics import EVENTS

from harness.environ import environ_with
from harness.waiting import eventually
from tests.producers.importers.exports import AWKWARD
from tests.producers.importers.files import import_file
from tests.producers.importers.test_shared_data import FILES
from tests.support.event_log import unheld
from tests.support.line import Line, plain
from tests.support.services import shared_data

pytestmark = [pytest.mark.kafka]


def replay(
    line: Line, *arguments: object, given: bytes | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command; its working folder is the line's."""
    process = started(line, *arguments)
    out, err = process.communicate(given, timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def started(line: Line, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "plaudit_infra.main", "replay", *map(str, arguments)],
        env=environ_with(bootstrap_servers=line.kafka, topic_prefix=line.connection.topic_prefix),
        cwd=line.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def by_key(records: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Values of each key, in their order."""
    found: dict[bytes, list[bytes]] = {}
    for key, value in records:
        found.setdefault(key, []).append(value)
    return found


def logged(line: Line) -> dict[bytes, list[bytes]]:
    """Values of each key, in the order of the log, as if none had waited before it was sent."""
    return by_key((record.key or b"", unheld(record.value or b"")) for record in line.read(EVENTS))


def states(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for partition, expected in line.check_exact().states.items():
        loaded = asyncio.run(line._load(partition, list(expected)))
        found |= {key: plain(state) for key, state in loaded.items()}
    return found


@pytest.mark.redis
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(40, marks=pytest.mark.slow, id="the first of each file"),
        pytest.param(100_000, marks=pytest.mark.slow, id="whole files"),
    ],
)
def test_every_file_arrives_once_and_a_second_import_adds_nothing(
    line: Callable[..., Line], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = line()
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", one.kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", one.connection.topic_prefix)
    monkeypatch.chdir(one.folder)
    sent: dict[bytes, list[bytes]] = {}
    for name, file in FILES.items():
        path = shared_data(file)
        assert main(["replay", str(path), "--format", name, "--time", "original", "--limit", str(limit)]) == 0
        sent |= by_key(import_file(path, name, pace=Pace(limit=limit, times="original")).producer.messages)
    assert logged(one) == sent
    count = sum(map(len, sent.values()))
    one.start_worker()
    one.wait_folded()
    before = states(one)
    assert len(before) == len(sent)
    assert sum(state["events"] for state in before.values()) == count
    for name, file in FILES.items():
        again = ["replay", str(shared_data(file)), "--format", name, "--limit", str(limit), "--seed", "1"]
        assert main(again) == 0
    one.wait_folded()
    assert sum(map(len, logged(one).values())) == 2 * count  # they came, and counted as duplicates
    assert states(one) == before


def test_bad_records_are_told_and_the_rest_arrives(line: Callable[..., Line]) -> None:
    one = line()
    pair = b'{"chosen": "\\n\\nHuman: a\\n\\nAssistant: b", "rejected": "\\n\\nHuman: a\\n\\nAssistant: c"}'
    lines = pair + b"\nbad\n"
    done = replay(one, "-", "--format", "hh-rlhf", "--application", "shop", "--rate", "50", given=lines)
    assert done.returncode == 0, done.stderr.decode()
    assert b"1 records were refused, see -.refused.jsonl" in done.stdout
    assert (one.folder / "-.refused.jsonl").read_text().count("not valid JSON") == 1
    (values,) = logged(one).values()
    assert len(values) == 6


@pytest.mark.parametrize("name", ["openai-chat", "sharegpt"])
def test_common_formats_arrive_to_the_byte(line: Callable[..., Line], name: str) -> None:
    one = line()
    turn = {"role": "user", "content": AWKWARD, "from": "human", "value": AWKWARD}
    records = [{"messages": [turn] * 3, "conversations": [turn] * 3} for _ in range(20)]
    path = one.folder / "chats.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    assert replay(one, path, "--format", name, "--time", "original").returncode == 0
    assert logged(one) == by_key(import_file(path, name).producer.messages)


@pytest.mark.slow
def test_a_killed_import_is_started_again(line: Callable[..., Line]) -> None:
    one = line()
    path, command = shared_data(FILES["oasst"]), ["--format", "oasst", "--time", "original"]
    first = started(one, path, *command, "--rate", "1500")
    try:
        eventually(lambda: sum(one.ends().values()) > 500, "some of it arrived")
    finally:
        first.kill()
        first.communicate()
    arrived = sum(map(len, logged(one).values()))
    expected = by_key(import_file(path, "oasst").producer.messages)
    assert 500 < arrived < sum(map(len, expected.values()))
    assert replay(one, path, *command).returncode == 0
    assert {key: list(dict.fromkeys(values)) for key, values in logged(one).items()} == expected


@pytest.mark.slow
def test_output_writes_events_and_sends_none(line: Callable[..., Line]) -> None:
    one = line()
    path = shared_data(FILES["halie"])
    written = replay(one, path, "--format", "halie", "--limit", 2, "--time", "original", "--output", "-")
    assert written.returncode == 0
    assert logged(one) == {}
    assert b"2 records, " in written.stderr
    again = replay(one, "-", "--format", "plaudit-jsonl", "--time", "original", given=written.stdout)
    assert again.returncode == 0, again.stderr.decode()
    pace = Pace(limit=2, times="original")
    assert logged(one) == by_key(import_file(path, "halie", pace=pace).producer.messages)


@pytest.mark.slow
def test_without_topics_or_kafka_nothing_is_sent(line: Callable[..., Line], tmp_path: Path) -> None:
    one = line()
    path = shared_data(FILES["oasst"])
    missing = replay(one, path, "--format", "oasst", "--topic-prefix", "no-such-")
    assert missing.returncode == 1
    assert b"run `plaudit topics create`" in missing.stderr  # TopicError
    away = replay(one, path, "--format", "oasst", "--bootstrap-servers", "127.0.0.1:1")
    assert away.returncode == 1
    assert b"does not answer" in away.stderr
