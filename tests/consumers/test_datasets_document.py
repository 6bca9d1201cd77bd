"""docs/datasets.md and docs/trainers.md: snippets run, and trainers find the types that they expect."""

import re
from pathlib import Path
from typing import Any, get_args

import datasets  # type: ignore[import-untyped]  # it has no types
import pytest
from datasets import load_dataset
from plaudit_infra.main import main
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import comparison, correction, encoded, finished, like, message
from tests.support.offline_sink import feed, log, sink
from tests.support.services import ROOT

TOOLS = '[{"type": "function", "function": {"name": "clock"}}]'
CHAT = {"role": "string", "content": "string"}
TRL: dict[str, dict[str, Any]] = {
    "sft": {"prompt": [CHAT], "completion": [CHAT]},
    "preference": {"prompt": [CHAT], "chosen": [CHAT], "rejected": [CHAT]},
    "kto": {"prompt": [CHAT], "completion": [CHAT], "label": "bool"},
}


def records(first: int, end: int) -> list[KafkaRecord]:
    """Rows for every subset."""
    made = log(end)[first:]
    for record in made[::5]:
        judged = finished(
            message("q", "user", content=f"question {record.offset}"),
            message("a"),
            message("b", parent_id="q", content="other"),
            feedback=[like("a", record.offset % 2 == 0), correction("b", f"better {record.offset}")],
            comparisons=[comparison([["b"], ["a"]])],
            offset=record.offset,
            user_id=f"user-{record.offset}",
            tools=TOOLS if record.offset % 10 == 0 else None,
        )
        made[record.offset - first] = record._replace(value=encoded(judged))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, as two runs of a sink left it, and a snapshot of it."""
    folder = tmp_path_factory.mktemp("documents")
    feed(sink(folder / "root", rotate_rows=20), records(0, 50))
    feed(sink(folder / "root", rotate_rows=20), records(50, 90))
    assert (
        main(["datasets", "build", "--root", str(folder / "root"), "--output", str(folder / "snapshot")]) == 0
    )
    return folder


@pytest.fixture
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    return folder


def snippets() -> dict[str, str]:
    """The snippets of both documents, each with a name."""
    texts = {
        name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("datasets", "trainers")
    }
    found = {name: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for name, text in texts.items()}
    return {f"{name} {at}": each for name, of_one in found.items() for at, each in enumerate(of_one, start=1)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", snippets())
def test_a_snippet_runs(name: str, at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippets()[name], name, "exec"), {})  # noqa: S102  # our own document
    assert capsys.readouterr().out.strip()


def plain(features: Any) -> Any:
    """Features as names of types."""
    if isinstance(features, dict):
        return {name: plain(each) for name, each in features.items()}
    return [plain(features.feature)] if hasattr(features, "feature") else features.dtype


def test_column_types_are_those_that_trl_documents(at_home: Path) -> None:
    for subset, columns in TRL.items():
        found: Any = load_dataset("snapshot", subset, split="train")
        assert {name: plain(found.features[name]) for name in columns} == columns
        assert len(found) > 3
    tools = load_dataset("snapshot", "sft_tools", split="train")
    assert tools.features["prompt"] == tools.features["completion"] == datasets.List(datasets.Json())
    assert tools[0]["tools"] == TOOLS


def test_the_root_opens_with_all_its_files_beside_a_running_sink(at_home: Path) -> None:
    writing = sink(at_home / "root", writer="running", rotate_rows=1000)
    writing.open_partitions([0])
    for record in records(90, 100):
        writing.take_record(record)
    writing.partitions[0].spill()
    found = load_dataset("root", "conversations", split="train")
    assert sorted(found["source_offset"]) == list(range(90))
    writing.close_partitions([0])


def test_settings_that_the_document_names_exist() -> None:
    from plaudit_consumers.rows.settings import RowRules
    from plaudit_consumers.sink.settings import SinkSettings
    from plaudit_schemas.settings.connection import ConnectionSettings

    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    named = set(re.findall(r"PLAUDIT_([A-Z_]+)", text))
    known = {
        name.upper() for cls in (RowRules, SinkSettings, ConnectionSettings) for name in cls.model_fields
    }
    assert named <= known
    assert {name.upper() for name in RowRules.model_fields} <= named


def test_every_reason_is_in_the_document() -> None:
    from plaudit_consumers.rows.reasons import (
        AnswerReason,
        ComparisonReason,
        ConversationReason,
        JudgementReason,
        VoteReason,
    )

    kinds = ConversationReason, JudgementReason, AnswerReason, ComparisonReason, VoteReason
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [name for kind in kinds for name in get_args(kind) if f"`{name}`" not in text] == []
