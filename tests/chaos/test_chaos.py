"""A bounded round of faults over the whole line, and the checker seen to fail."""

import random
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.chaos.chats import Chat, chats
from tests.chaos.checker import differences
from tests.chaos.faults import KINDS, Durations, plan, small_disk
from tests.chaos.line import chaos
from tests.support.services import shared_data


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("kinds", "faults"), [(["kill"], 20), (list(KINDS), len(KINDS) + 1)], ids=["twenty kills", "every kind"]
)
def test_faults_lose_and_double_nothing(
    tmp_path: Path, kinds: list[str], faults: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_data("topical_chat/test_freq.json")
    seed = time.time_ns() % 1_000_000
    rng = random.Random(seed)
    durations = Durations(pause_s=20, member_s=5, shortage_s=5)
    with small_disk(tmp_path, 3072):
        found = chaos(
            tmp_path, list(chats(path, 200)), plan(rng, faults, kinds, tmp_path), rng,
            durations=durations, report=print,
        )  # fmt: skip
    assert found == [], f"seed {seed}\n{capsys.readouterr().out}"


def test_a_plan_has_every_kind_once_and_kills_for_the_rest(tmp_path: Path) -> None:
    faults = plan(random.Random(1), 30, list(KINDS), tmp_path)
    names = Counter(fault.name for fault in faults)
    possible = [name for name, fault in KINDS.items() if fault.possible(tmp_path)]
    assert set(names) == set(possible)
    assert {names[name] for name in possible if name != "kill"} == {1}
    assert names["kill"] == 30 - len(possible) + 1


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
