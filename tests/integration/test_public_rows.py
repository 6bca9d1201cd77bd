"""The public data sets and the small cases, from file to snapshot, against a reading of the files apart."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.environ import environ_with
from tests.support import file_rows
from tests.support.file_rows import decided, labelled, prompt_of
from tests.support.line import Line
from tests.support.services import SHARED_DATA, shared_data, unavailable
from tests.support.sinks import Sinks, rows
from tests.support.snapshot_reader import leaks, parsed, read_subset, texts

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]
CASES = SHARED_DATA.parent / "cases"


def plaudit(one: Line, *words: object, code: int = 0) -> str:
    """Run a command on the line's servers, in its folder. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", *map(str, words)],
        env=environ_with(bootstrap_servers=one.kafka, topic_prefix=one.connection.topic_prefix),
        cwd=one.folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(one: Line, sinks: Callable[..., Sinks], out: Path, *options: object) -> Path:
    """Fold what was sent, write it, and build a snapshot with everything in train."""
    one.start_worker()
    one.wait_folded()
    sinks(one).once()
    snapshot = out.parent / "snapshot"
    plaudit(one, "datasets", "build", "--root", out, "--output", snapshot, "--split", "100", *options)
    return snapshot


def test_the_public_sets_give_the_rows_that_their_files_imply(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(), tmp_path / "out"
    files = {
        "topical-chat": "topical_chat/test_freq.json",
        "hh-rlhf": "hh_rlhf/harmless-base-test.jsonl.gz",
        "oasst": "oasst_zh/oaast_rm_zh.json",
        "halie": "halie/event_blocks.csv",
    }
    for name, file in files.items():
        words = ("--format", name, "--application", name, "--consent", "granted", "--time", "original")
        plaudit(one, "replay", shared_data(file), *words)
    snapshot = build(one, sinks, out)
    pairs = {
        name: {
            (prompt_of(row), row["chosen"][0]["content"], row["rejected"][0]["content"])
            for row in read_subset(snapshot, "preference")
            if row["application"] == name
        }
        for name in files
    }
    assert pairs == {
        "topical-chat": set(),
        "hh-rlhf": decided(file_rows.hh_rlhf()),
        "oasst": decided(file_rows.oasst()),
        "halie": set(),
    }
    assert (len(pairs["hh-rlhf"]), len(pairs["oasst"])) == (2307, 1798)
    kto = read_subset(snapshot, "kto")
    labels = {
        name: {
            (prompt_of(row), row["completion"][0]["content"]): row["label"]
            for row in kto
            if row["application"] == name
        }
        for name in files
    }
    assert labels["topical-chat"] == labelled(file_rows.topical_chat())
    assert labels["halie"] == labelled(file_rows.halie())
    assert (len(labels["topical-chat"]), len(labels["halie"])) == (5263, 217)
    good = {
        (prompt_of(row), row["completion"][0]["content"])
        for row in read_subset(snapshot, "sft")
        if row["application"] == "topical-chat"
    }
    assert good == {key for key, label in labels["topical-chat"].items() if label and key[1]}
    assert leaks(snapshot) == []


@pytest.fixture
def cases(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> "Cases":
    if not CASES.is_dir():
        unavailable("the shared cases")
    return Cases(line(partitions=2), sinks, tmp_path / "out")


class Cases:
    """The small case files, each imported into an application of its own."""

    def __init__(self, one: Line, sinks: Callable[..., Sinks], out: Path) -> None:
        self.one, self._sinks, self.out = one, sinks, out
        self.said = {
            path.stem: plaudit(
                one,
                "replay", path, "--application", path.stem, "--consent", "granted",
                "--report", one.folder / f"{path.stem}.report",
                code=1 if path.stem == "user_without_content" else 0,
            )
            for path in sorted(CASES.glob("*.json*"))
        }  # fmt: skip

    def build(self, *options: object) -> Path:
        return build(self.one, self._sinks, self.out, *options)

    def conversations(self, application: str) -> list[dict[str, Any]]:
        return [row for row in rows(self.out, "conversations") if row["application"] == application]


def of(snapshot: Path, *applications: str) -> dict[str, list[dict[str, Any]]]:
    """The training rows of some applications, by subset; without subsets that have none."""
    found = {
        subset: [row for row in read_subset(snapshot, subset) if row["application"] in applications]
        for subset in ("sft", "sft_tools", "preference", "preference_tools", "kto", "kto_tools")
    }
    return {subset: some for subset, some in found.items() if some}


def pairs_of(some: list[dict[str, Any]]) -> list[tuple[Any, str, str]]:
    return [
        (texts(row["prompt"]), row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in some
    ]


def test_the_cases_give_the_rows_that_their_readme_states(cases: Cases, tmp_path: Path) -> None:
    aspects = tmp_path / "aspects.yaml"
    aspects.write_text(
        "version: 1\napplications:\n  multi_aspect_ratings:\n"
        + "".join(
            f"  - {{name: {name}, kinds: [number], levels: [message], direction: {direction},"
            f" minimum: 0, maximum: 4, description: {name}}}\n"
            for name, direction in {
                "helpfulness": "higher_is_better",
                "correctness": "higher_is_better",
                "coherence": "higher_is_better",
                "complexity": "neutral",
                "verbosity": "neutral",
            }.items()
        )
    )
    snapshot = cases.build("--aspects-file", aspects, "--unrated-sft")

    (tools,) = of(snapshot, "openai_tool_calls")["sft_tools"]
    calls = tools["prompt"][2]["tool_calls"]
    assert [parsed(call["function"]["arguments"]) for call in calls] == [{"percent": 30}, {"percent": 20}]
    assert tools["prompt"][2].get("content") is None
    assert texts(tools["completion"]) == [("assistant", "Dimmed to 20 %.")]
    (short,) = [row for row in cases.conversations("openai_tool_calls") if len(row["messages"]) == 2]
    assert short["messages"][-1]["tool_calls"][0]["arguments"] == "not json"

    (tools,) = of(snapshot, "trl_tool_calls")["sft_tools"]
    (call,) = tools["prompt"][1]["tool_calls"]
    assert parsed(call["function"]["arguments"]) == {"a": 1}
    assert call["id"]
    assert tools["prompt"][2]["tool_call_id"] == call["id"]
    assert texts(tools["completion"]) == [("assistant", "42!")]

    # Two files say the same of the same answers, so each makes one row.
    (row,) = of(snapshot, "openai_preference", "trl_preference")["preference"]
    assert pairs_of([row]) == [([("user", "q")], "a", "b")]
    assert (row["conversation_count"], row["agreement"]) == (2, 1.0)
    (row,) = of(snapshot, "openai_chat_with_label", "sharegpt_with_kto_tag")["kto"]
    assert (texts(row["prompt"]), texts(row["completion"]), row["label"]) == (
        [("user", "q")],
        [("assistant", "a")],
        False,
    )
    assert row["conversation_count"] == 2

    assert cases.conversations("user_without_content") == []
    assert "line 1" in cases.said["user_without_content"]

    assert pairs_of(of(snapshot, "arena_battles")["preference"]) == [([("user", "q")], "a1", "b1")]
    assert len(cases.conversations("arena_battles")) == 4

    aspects_rows = of(snapshot, "multi_aspect_ratings")
    assert {row["completion"][0]["content"]: row["label"] for row in aspects_rows["kto"]} == {
        "DNS maps names to addresses.": True,
        "wrong": False,
    }

    assert "preference" not in of(snapshot, "labelstudio_pairwise")
    (chat,) = cases.conversations("labelstudio_pairwise")
    assert sorted(vote["rater"]["id"] for vote in chat["comparisons"]) == ["10", "11"]
    said = {(item["rater"]["id"], item["kind"]): item for item in chat["feedback"]}
    assert said["10", "number"]["number"] == 4

    (chat,) = cases.conversations("openwebui_feedback")
    assert sorted(message["content"] for message in chat["messages"]) == ["Hello", "Hi", "Yo"]
    assert pairs_of(of(snapshot, "openwebui_feedback")["preference"]) == [([("user", "Hi")], "Hello", "Yo")]

    (chat,) = cases.conversations("chatgpt_export")
    answers = [message for message in chat["messages"] if message["role"] == "assistant"]
    assert len({message["parent_id"] for message in answers}) == 1
    assert sorted(message["content"] for message in answers) == ["A", "B"]
    assert any(message["attachments"] for message in chat["messages"])
    assert chat["feedback"] == []
    assert leaks(snapshot) == []
