"""A build right after conversations have finished: Kafka tells how much is not in the root yet."""

from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_consumers.datasets.waiting import waiting_records
from plaudit_infra.main import main
from plaudit_schemas.commands import OK

from tests.support.line import Line
from tests.support.sinks import Sinks, chats, send

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def test_a_build_says_how_much_waits_for_the_sink(
    line: Callable[..., Line],
    sinks: Callable[..., Sinks],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = line(partitions=2)
    send(one.connection, chats(2, range(3)))
    sinks(one).once()
    root = str(tmp_path / "out")
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", one.connection.bootstrap_servers)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", one.connection.topic_prefix)
    assert main(["datasets", "build", "--root", root, "--output", str(tmp_path / "full")]) == OK
    assert "in the root yet" not in capsys.readouterr().err
    send(one.connection, chats(2, range(3, 8)))
    assert main(["datasets", "build", "--root", root, "--output", str(tmp_path / "behind")]) == OK
    assert "note: 10 finished conversations and amendments are in Kafka" in capsys.readouterr().err
    # Of another topic nothing can be said.
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", line(partitions=1).connection.topic_prefix)
    assert waiting_records(root, {}) is None
