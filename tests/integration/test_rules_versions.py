"""A log whose beginning was folded by the first rules, and taken over in its middle, balances.

`old_data/16f519f.tar.xz` was made with the commit of its name: `plaudit up --data`, two partitions, topics
that keep their records for ever, and `plaudit worker` over the first 600 events of
`tests.support.mixed_words.MixedWords(5, 30)`. Then both were stopped.
"""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_infra.audit.report import Report
from plaudit_infra.audit.run import audit
from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Encoder
from plaudit_schemas.contract.keys import PARTITIONER, conversation_key
from plaudit_schemas.kafka.producer import produce_when_room
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, FINISHED
from plaudit_stream_processors.fold import CURRENT_VERSION, EMITTED
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker.settings import WorkerSettings

from tests.support.first_rules import fold_by_earlier_rules
from tests.support.line import Line
from tests.support.mixed_words import MixedWords

ARCHIVE = Path(__file__).parent / "old_data" / "16f519f.tar.xz"
SEED, CONVERSATIONS, HALF = 5, 30, 600

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]
ENCODER = Encoder("conversation_event")


def encoded(words: MixedWords, count: int) -> Iterator[tuple[bytes, bytes]]:
    for record in words.events(count):
        key = conversation_key(record["application"], record["conversation_id"])
        yield key, ENCODER.encode(record)


def histories(connection: ConnectionSettings, partitions: int) -> list[str]:
    """Of each partition, the versions of the rules and where they begin."""

    async def read() -> list[str]:
        client = connect(connection.redis_url.get_secret_value())
        store = ConversationStore(client, prefix=connection.redis_prefix, state_retention_ms=1)
        found = [(await store.rules_history(partition)).text for partition in range(partitions)]
        await client.aclose()
        return found

    return asyncio.run(read())


def audited(connection: ConnectionSettings) -> Report:
    return audit(connection, load(WorkerSettings, environ={}), None, wait_s=120)


def emitted(connection: ConnectionSettings) -> dict[str, set[tuple[int, int]]]:
    """The source offsets of what was emitted, by schema."""
    decoder = SeveralDecoder(EMITTED, connection.schemas())
    found: dict[str, set[tuple[int, int]]] = {name: set() for name in EMITTED}
    with TopicReader(connection, FINISHED, timeout_s=60) as reader:
        for partition in reader.partitions():
            for record in reader.records(partition, *reader.ends(partition)):
                name, content = decoder.decode(record.value or b"")
                found[name].add((partition, content["source_offset"]))
    return found


def begun_by_an_end(report: Report) -> int:
    """The number of conversations that earlier rules began with an end. The audit does not compare them."""
    told = [re.search(r": (\d+) conversations that earlier rules began", each) for each in report.unchecked]
    return sum(int(found[1]) for found in told if found)


def check_balance(report: Report, connection: ConnectionSettings) -> dict[str, Any]:
    """Assert that the whole log balances. Returns the audit's totals."""
    found, totals = emitted(connection), report.totals()
    assert (report.differences, report.pending) == ([], [])
    written = sum(map(len, found.values()))
    if begun_by_an_end(report):  # what they emit is not counted
        assert written // 2 < totals["emissions"] <= written
    else:
        assert totals["emissions"] == written
    assert found["amendment"], "the log has words that came late"
    return totals


@pytest.fixture
def old(tmp_path: Path, kafka_files: None) -> Iterator[Mapping[str, str]]:
    """The servers of the old folder; what the environment must say of them."""
    folder = tmp_path / "old"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    environ = {"PLAUDIT_DATA": str(folder), "PLAUDIT_PARTITIONS": "2", "PLAUDIT_WEB_PORT": "0"}
    _plaudit(environ, "up", "--detach")
    try:
        yield environ
    finally:
        _plaudit(environ, "down")


def _plaudit(environ: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", *arguments],
        env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_that_the_first_rules_have_half_folded(
    old: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in old.items():
        monkeypatch.setenv(name, value)
    connection = load(ConnectionSettings, environ=old)
    before = audited(connection)
    assert (before.balanced, before.pending) == (True, [])
    positions = [account.end for account in before.accounts]
    assert histories(connection, 2) == ["1:0", "1:0"], "there were no versions yet"
    words = MixedWords(SEED, CONVERSATIONS)
    list(words.events(HALF))
    words.held = True
    producer = Producer(connection.kafka(partitioner=PARTITIONER))
    sent = 0
    for key, payload in encoded(words, HALF):
        produce_when_room(producer, connection.topic_prefix + EVENTS, payload, key)
        sent += 1
    assert producer.flush(60) == 0
    worker = subprocess.Popen(
        [sys.executable, "-m", "plaudit_infra.main", "worker"], env={**os.environ, **old}
    )
    try:
        totals = check_balance(audited(connection), connection)
    finally:
        worker.terminate()
        assert worker.wait(120) == 0
    assert totals["events"] >= sum(positions) + sent
    assert histories(connection, 2) == [f"1:0,{CURRENT_VERSION}:{position}" for position in positions]


@pytest.mark.parametrize("version", [1, 2, 3], ids="rules {}".format)
@pytest.mark.parametrize("seed", [1, 2, 3], ids="seed {}".format)
def test_counters_and_states_that_lie_on_both_sides(
    line: Callable[..., Line], seed: int, version: int
) -> None:
    """As above, while Redis still holds every counter of the first half."""
    one, words = line(partitions=2), MixedWords(seed, CONVERSATIONS)
    one.send(encoded(words, HALF))
    positions = fold_by_earlier_rules(one, version)
    assert audited(one.connection).balanced
    words.held = True
    one.send(encoded(words, HALF))
    one.start_worker()
    one.wait_folded()
    report = audited(one.connection)
    totals = check_balance(report, one.connection)
    starts = [f"{version}:0,{CURRENT_VERSION}:{positions[partition]}" for partition in range(2)]
    assert histories(one.connection, 2) == starts
    assert totals["conversations"] + begun_by_an_end(report) == CONVERSATIONS
    assert totals["cells"] > 100
