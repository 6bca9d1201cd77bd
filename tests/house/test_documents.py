"""The documents: links lead somewhere, decisions stay short, the README's code runs."""

import re
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from plaudit_schemas.kafka.reader import log_bounds
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

from docs.generators.pages import REFERENCE
from tests.support.services import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
GENERATED = {ROOT / "docs" / page for page in REFERENCE}
FOLDERS = (
    "schemas",
    "producers",
    "stream_processors",
    "consumers",
    "infra",
    "tests",
    "benchmarks",
    "harness",
    "examples",
)
TEXTS = {".py", ".md", ".lua", ".yaml", ".yml", ".toml", ".js", ".ts", ".html"}
FILE_NAMES = re.compile(r"`([\w./-]+/[\w.-]*)`")


def broken_links(text: str, folder: Path) -> set[str]:
    """Relative links of a Markdown text that lead to no file."""
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    paths = {target: folder / target for target in targets if target and "://" not in target}
    return {target for target, path in paths.items() if not (path.exists() or path.resolve() in GENERATED)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    assert broken_links(document.read_text(encoding="utf-8"), document.parent) == set()


def test_every_example_of_an_integration_is_in_the_documents() -> None:
    text = (ROOT / "docs" / "integrations" / "index.md").read_text(encoding="utf-8")
    examples = {path.name for path in (ROOT / "examples" / "integrations").iterdir() if path.is_file()}
    assert {name for name in examples if f"examples/integrations/{name})" not in text} == set()


def test_every_page_about_integrations_is_reached_from_their_first() -> None:
    folder = ROOT / "docs" / "integrations"
    text = (folder / "index.md").read_text(encoding="utf-8")
    assert {page.name for page in folder.glob("*.md") if f"({page.name}" not in text} == {"index.md"}


def test_a_broken_link_is_seen() -> None:
    assert broken_links("[a](README.md) [b](nowhere.md#x) [c](https://x.y/z) [d](#here)", ROOT) == {
        "nowhere.md"
    }


def test_the_files_that_the_architecture_names_exist() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("| I want to")[2]
    assert named_but_missing(table) == set()


def named_but_missing(table: str) -> set[str]:
    """Paths in the table that lead nowhere, from the root or from a folder that the same row names before."""
    missing = set()
    for row in table.splitlines():
        folders = [ROOT]
        for name in FILE_NAMES.findall(row):
            found = [folder / name for folder in folders if (folder / name).exists()]
            if found:
                folders.append(found[0] if found[0].is_dir() else found[0].parent)
            else:
                missing.add(name)
    return missing


def test_a_missing_file_of_the_architecture_is_seen() -> None:
    assert named_but_missing("| x | in `schemas/plaudit_schemas`: `codec/wire.py`, `codec/none.py` |") == {
        "codec/none.py"
    }


def test_decisions_are_numbered_and_short() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{n:04d}" for n in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 40, path.name
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Check.**"):
            assert part in text, f"{path.name} lacks {part}"


def decisions_cited(text: str) -> set[str]:
    """Numbers of the decisions that a text names by their path."""
    return set(re.findall(r"\bdecisions/(\d{4})", text))


def test_every_decision_that_is_cited_exists() -> None:
    known = {path.name[:4] for path in DECISIONS}
    texts = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    cited = {str(path): decisions_cited(path.read_text(encoding="utf-8")) for path in (*texts, *DOCUMENTS)}
    assert {path: numbers - known for path, numbers in cited.items() if numbers - known} == {}
    assert any(cited.values())


def test_a_cited_decision_is_seen() -> None:
    assert decisions_cited("as decisions/0002 and [8](decisions/0008-x.md) say, 0003 not") == {"0002", "0008"}


@pytest.mark.kafka
def test_the_readmes_sdk_example_runs(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ConnectionSettings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1
    )
    ensure(settings)
    topic = settings.topic_prefix + EVENTS
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", settings.topic_prefix)
    sdk, _ = _readme_code()
    exec(compile(sdk, "README.md", "exec"), {})  # noqa: S102  # our own document
    consumer = Consumer(settings.kafka(**{"group.id": "readme"}))
    _, arrived = log_bounds(consumer, topic, 0, timeout_s=60)
    consumer.close()
    assert arrived == 5


def test_the_readmes_trainer_example_is_the_tested_one() -> None:
    _, trainer = _readme_code()
    guide = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [line for line in trainer.splitlines() if line not in guide] == []


def _readme_code() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
