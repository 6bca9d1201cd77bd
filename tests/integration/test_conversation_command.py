"""`plaudit conversation`: live, and as of an offset or a time."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from plaudit_infra.main import main
from plaudit_schemas.topics import METRICS

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def test_a_conversation_now_and_then(
    line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = line(settings={"snapshot_interval_s": "0.5"})
    one.send(events(500, open_conversations=20, start_us=time.time_ns() // 1000))
    one.start_worker()
    one.wait_folded()
    for name, value in (
        ("BOOTSTRAP_SERVERS", one.kafka),
        ("REDIS_URL", one.redis),
        ("TOPIC_PREFIX", one.connection.topic_prefix),
        ("REDIS_PREFIX", one.connection.redis_prefix),
    ):
        monkeypatch.setenv("PLAUDIT_" + name, value)
    log = [record for record in one.log() if record.key == b"bench/conversation-000000000003"]

    def shown(*words: str) -> dict[str, object]:
        assert main(["conversation", "bench/conversation-000000000003", "--json", *words]) == 0
        return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]

    now = shown()
    assert now["events"] == len(log)
    assert shown("--at", str(log[-1].offset)) == now
    assert shown("--at", datetime.now(UTC).isoformat()) == now
    for number, record in enumerate(log, start=1):
        assert shown("--at", str(record.offset))["events"] == number
    assert main(["conversation", "bench/conversation-000000000003"]) == 0
    assert "acme" in capsys.readouterr().out or now["events"] == 0
    for words in (
        ["nobody"],
        ["bench/conversation-000000000003", "--at", "1999-01-01"],
        ["x", "--at", "soon"],
    ):
        assert main(["conversation", *words]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    eventually(lambda: any(True for _ in one.read(METRICS)), "snapshots are published")
