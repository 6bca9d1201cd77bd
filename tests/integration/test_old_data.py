"""A data folder that the code before the house was redrawn has written goes on working.

`old_data/d76dcfe.tar.xz` was made with the commit of its name: `plaudit up --data` with two partitions and
topics that keep their records for ever; `plaudit worker` and `plaudit sink --rotate-rows 20` over
`plaudit simulate --conversations 60 --open 20 --seed 7` and three unreadable records. Both were stopped. Then
came `plaudit simulate --conversations 15 --open 5 --seed 8`, `plaudit keys create --name before`, and an SDK
without Kafka that left 60 events in its spool.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually
from tests.support.old_folder import digests, opened, run_plaudit

ARCHIVE = Path(__file__).parent / "old_data" / "d76dcfe.tar.xz"
EVENTS = 705 + 3 + 185 + 60

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def old(tmp_path: Path, kafka_files: None) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The old folder with its servers running, and what the environment must say of them."""
    folder = tmp_path / "old"
    with opened(ARCHIVE, folder) as environ:
        yield folder, environ


def test_everything_in_an_old_folder_goes_on(
    old: tuple[Path, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environ = old
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    written = digests(folder / "dataset")
    assert len(written) == 13
    before = json.loads(run_plaudit(environ, "audit", "--json"))
    assert before["balanced"]
    assert before["pending"], "events that the old worker has not folded"

    connection = load(ConnectionSettings, environ=environ)
    with FeedbackProducer("demo", connection=connection, spool_dir=folder / "spool") as producer:
        producer.start()
        eventually(lambda: producer.stats().delivered == 60, "the old spool is sent")
    worker = subprocess.Popen(
        [sys.executable, "-m", "plaudit_infra.main", "worker"], env={**os.environ, **environ}
    )
    try:
        report = json.loads(run_plaudit(environ, "audit", "--json", "--without-rows", "--wait", "120"))
        assert worker.poll() is None
    finally:
        worker.terminate()
        assert worker.wait(120) == 0
    run_plaudit(environ, "sink", "--once", "--without-web")
    report = json.loads(run_plaudit(environ, "audit", "--json", "--wait", "60"))
    assert report["balanced"], report["differences"]
    assert report["pending"] == []
    assert report["totals"]["events"] >= EVENTS, "and the ends of what has been idle since"
    assert report["totals"]["refused: truncated"] + report["totals"]["refused: bad_magic"] == 3
    assert report["totals"]["rows: conversations"] > before["totals"]["rows: conversations"]
    now = digests(folder / "dataset")
    assert {name: now.get(name) for name in written} == written, "the old files are as they were"
    assert "before" in run_plaudit(environ, "keys", "list")
    assert '"conversation_id": "spooled 3"' in run_plaudit(
        environ, "conversation", "demo/spooled 3", "--json"
    )
