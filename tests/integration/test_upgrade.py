"""What the release before has written is taken over, and its workers give way one by one.

`old_data/0db6aba.tar.xz` was made with the commit of its name: `plaudit up --data` with two partitions and
topics that keep their records for ever; a rubric with a random share and `tests.support.tiny_models` version
1 of `polite`, both published; a worker, a review queue, a scorer, and `plaudit sink --rotate-rows 20`, over
`plaudit simulate --application demo --conversations 60 --open 20 --seed 7`, three unreadable records, 250
events of `MixedWords(9, 25)` with `held`, and ends of three chats that never began. All were stopped. Then
came `plaudit simulate --application demo --conversations 15 --open 5 --seed 8`, `plaudit keys create --name
before`, and an SDK without Kafka that left 60 events in its spool.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.audit.report import text
from plaudit_infra.audit.run import audit
from plaudit_producers import FeedbackProducer
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.events import events
from harness.waiting import eventually
from tests.support.earlier_workers import EarlierWorkers
from tests.support.line import Line
from tests.support.old_folder import digests, opened, run_plaudit
from tests.support.review_queues import SALT
from tests.support.tiny_models import write_model
from tests.support.unruly_words import UnrulyWords, encoded

ARCHIVE = Path(__file__).parent / "old_data" / "0db6aba.tar.xz"
_FOLLOWERS = ("worker", "review-queue", "scorer")

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def old(tmp_path: Path, kafka_files: None) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The old folder with its servers running, and what the environment must say of them."""
    folder = tmp_path / "old"
    settings = {
        "PLAUDIT_SCORER_WEB_PORT": "0",
        "PLAUDIT_REVIEW_QUEUE_WEB_PORT": "0",
        "PLAUDIT_SCORER_MODEL": "polite",
        "PLAUDIT_REVIEW_SALT": SALT,
    }
    with opened(ARCHIVE, folder, **settings) as environ:
        # Those that the old release had not; 1 says that the others keep their records for longer than usual.
        run_plaudit(environ, "topics", "create", fine=(0, 1))
        yield folder, environ


def _audited(environ: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run_plaudit(environ, "audit", "--json", *arguments))
    assert report["balanced"], report["differences"]
    return report


def test_a_folder_of_the_release_before_goes_on(
    old: tuple[Path, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environ = old
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    written = digests(folder / "dataset")
    before = _audited(environ)
    assert before["pending"], "events that nobody has folded"
    connection = load(ConnectionSettings, environ=environ)
    with FeedbackProducer("demo", connection=connection, spool_dir=folder / "spool") as producer:
        producer.start()
        eventually(lambda: producer.stats().delivered == 60, "the old spool is sent")
    # The old publication names the folder of the machine that it was made on.
    write_model(folder / "models" / "2", name="polite", version="2")
    run_plaudit(environ, "models", "publish", str(folder / "models" / "2"), "--delay", "5")
    running = [
        subprocess.Popen([sys.executable, "-m", "plaudit_infra.main", name], env={**os.environ, **environ})
        for name in _FOLLOWERS
    ]
    try:
        _audited(environ, "--without-rows", "--wait", "120")
        eventually(
            lambda: not _audited(environ, "--without-rows")["pending"], "all is folded and queued", 120
        )
        assert [each.poll() for each in running] == [None] * len(running)
    finally:
        for each in running:
            each.terminate()
    assert [each.wait(120) for each in running] == [0] * len(running)
    run_plaudit(environ, "sink", "--once", "--without-web")
    report = _audited(environ, "--wait", "60")
    assert report["pending"] == []
    assert report["totals"]["events"] > before["totals"]["events"]
    assert report["totals"]["rows: conversations"] > before["totals"]["rows: conversations"]
    now = digests(folder / "dataset")
    assert {name: now.get(name) for name in written} == written, "the old files are as they were"
    assert "before" in run_plaudit(environ, "keys", "list")
    assert '"conversation_id": "spooled 3"' in run_plaudit(
        environ, "conversation", "demo/spooled 3", "--json"
    )


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> EarlierWorkers:
    return EarlierWorkers(tmp_path_factory.mktemp("earlier"))


def _check_balanced(line: Line) -> None:
    report = audit(line.connection, WorkerSettings(), None, wait_s=60)
    assert (report.balanced, report.pending) == (True, []), text(report)


def test_workers_of_the_release_before_give_way_one_by_one(
    line: Callable[..., Line], earlier: EarlierWorkers
) -> None:
    one = line(partitions=4, settings={"worker_batch": "100"})
    chats = events(8000, open_conversations=60, start_us=time.time_ns() // 1000)
    words = encoded(UnrulyWords(5, 30), 1200)

    def send_some() -> None:
        one.send(islice(chats, 1500))
        one.send(islice(words, 250))

    first, second = earlier.start(one), earlier.start(one)
    send_some()
    one.wait_folded()
    for old_worker in (first, second):
        send_some()
        assert one.end_worker(old_worker, signal.SIGTERM) == 0, one.logs()
        one.start_worker()
        send_some()
        one.wait_folded()
    _check_balanced(one)


def test_a_worker_of_the_release_before_takes_no_partition_back(
    line: Callable[..., Line], earlier: EarlierWorkers
) -> None:
    one = line(partitions=2)
    one.send(encoded(UnrulyWords(6, 20), 200))
    new = one.start_worker()
    one.wait_folded()
    assert one.end_worker(new, signal.SIGTERM) == 0
    assert one.wait_ended(earlier.start(one)) == 1
    assert "was folded by newer rules" in one.logs()
    one.send(encoded(UnrulyWords(7, 20), 200))
    one.start_worker()
    one.wait_folded()
    _check_balanced(one)
