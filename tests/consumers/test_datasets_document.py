"""docs/datasets.md: its snippets run, and trainers find the column types that they expect."""

import re
from pathlib import Path
from typing import Any

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


def snippets() -> list[str]:
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("number", range(len(snippets())), ids=[snippet.split()[1] for snippet in snippets()])
def test_a_snippet_runs(number: int, at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(snippets()[number], "docs/datasets.md", "exec"), {})  # noqa: S102  # our own document
    assert len(capsys.readouterr().out) > 20


def plain(features: Any) -> Any:
    """Features as names of types."""
    if isinstance(features, dict):
        return {name: plain(each) for name, each in features.items()}
    return [plain(features.feature)] if hasattr(features, "feature") else features.dtype


@pytest.mark.parametrize("place", ["root", "snapshot"])
def test_column_types_are_those_that_trl_documents(place: str, at_home: Path) -> None:
    for subset, columns in TRL.items():
        found: Any = load_dataset(place, subset, split="train")
        assert {name: plain(found.features[name]) for name in columns} == columns
        assert len(found) > 3
    tools = load_dataset(place, "sft_tools", split="train")
    assert plain(tools.features["prompt"])[0]["tool_calls"] == [
        {"id": "string", "type": "string", "function": {"name": "string", "arguments": "string"}}
    ]
    assert tools[0]["tools"] == TOOLS


def test_every_subset_of_the_root_opens_with_all_its_files_beside_a_running_sink(at_home: Path) -> None:
    writing = sink(at_home / "root", writer="running", rotate_rows=1000)
    writing.open_partitions([0])
    for record in records(90, 100):
        writing.take_record(record)
    writing.partitions[0].spill()
    found = load_dataset("root", "conversations", split="train")
    assert sorted(found["source_offset"]) == list(range(90))
    writing.close_partitions([0])
    for subset in ("sft", "sft_tools", "preference", "kto"):
        assert len(load_dataset("root", subset, split="train")) > 3


def test_settings_that_the_document_names_exist() -> None:
    from plaudit_consumers.rows.settings import RowSettings
    from plaudit_consumers.sink.settings import SinkSettings

    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    named = set(re.findall(r"PLAUDIT_([A-Z_]+)", text))
    known = {name.upper() for cls in (RowSettings, SinkSettings) for name in cls.model_fields}
    assert named <= known
    assert {name.upper() for name in RowSettings.model_fields} <= named
