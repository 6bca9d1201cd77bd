"""A bounded round of faults over the whole line, and the checker seen to fail."""

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.chaos.chats import Chat, chats
from tests.chaos.checker import differences
from tests.chaos.line import chaos
from tests.support.services import shared_data


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.timeout(1500)
def test_twenty_kills_lose_and_double_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared_data("topical_chat/test_freq.json")
    seed = time.time_ns() % 1_000_000
    found = chaos(tmp_path, list(chats(path, 200)), seed=seed, faults=20, report=print)
    assert found == [], f"repeat it with `make chaos SEED={seed}`\n{capsys.readouterr().out}"


@pytest.mark.redis
def test_the_checker_sees_what_is_lost(tmp_path: Path, valkey: str) -> None:
    chat = Chat("c1", ["hello", "hi"], ["user", "assistant"], {1: 5})
    found = differences([chat], tmp_path, valkey, "nothing-has-this-prefix")
    assert "lost: c1" in found
    assert "counter messages:assistant: 0, sent 1" in found


@pytest.mark.redis
def test_the_checker_sees_what_is_doubled_and_changed(tmp_path: Path, valkey: str) -> None:
    chat = Chat("c1", ["hello", "hi"], ["user", "assistant"], {1: 5})
    said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hey"}]
    rated = [{"message_id": "m1", "number": 4.0}]
    row = {"conversation_id": "c1", "revision": 1, "messages": said, "feedback": rated}
    folder = tmp_path / "v1/conversations/date=2026-01-01"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([row, row]), folder / "rows.parquet")
    found = differences([chat], tmp_path, valkey, "nothing-has-this-prefix")
    wrong = ["doubled: c1 revision 1, 2 rows", "changed: messages of c1", "changed: ratings of c1"]
    assert [each for each in found if not each.startswith("counter")] == wrong
