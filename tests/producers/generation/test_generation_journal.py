"""The report of a run: what it notes is known to the next run, whatever ended the one before."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.generation.errors import GenerationError
from plaudit_producers.generation.journal import GenerationJournal

PLAN = {"application": "shop", "topic_prefix": ""}


def line(message_id: str, attempt: int = 0) -> dict[str, Any]:
    return {
        "conversation_id": "c1",
        "slot": "echo#0",
        "attempt": attempt,
        "message_id": "m",
        "event_id": message_id,
        "said": {"content": "two\u2028lines\n, one document"},
    }


def test_what_is_noted_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    with GenerationJournal(path, PLAN) as journal:
        assert journal.attempts("c1", "echo#0") == 0
        journal.add_answer(line("m1"))
        journal.add_answer(line("m2", 1))
        journal.add_sent("c1", "m1")
    with GenerationJournal(path, PLAN) as journal:
        assert journal.answers["c1", "echo#0"] == line("m2", 1)
        assert (journal.sent, journal.attempts("c1", "echo#0")) == ({"c1", "m1"}, 2)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "kept",
    [1, 10, -27, -1],
    ids=["nearly nothing", "the beginning", "half a character", "all but the line break"],
)
def test_half_a_line_of_a_killed_run_is_dropped(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "report.jsonl"
    with GenerationJournal(path, PLAN) as journal:
        journal.add_answer(line("m1"))
        whole = path.read_bytes()
        journal.add_answer(line("m2", 1))
    second = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + second[:kept])
    with GenerationJournal(path, PLAN) as journal:
        assert journal.answers["c1", "echo#0"] == line("m1")
        journal.add_answer(line("m3", 1))
    with GenerationJournal(path, PLAN) as journal:
        assert journal.answers["c1", "echo#0"] == line("m3", 1)


def test_a_first_line_that_was_cut_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    path.write_text('{"versi')
    with GenerationJournal(path, PLAN) as journal:
        journal.add_sent("c1")
    assert [json.loads(each) for each in path.read_text().splitlines()] == [
        {"version": 1, "plan": PLAN},
        {"sent": ["c1"]},
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("some text\n", "is no report of", id="a text"),
        pytest.param("a prompt", "is no report of", id="a text of one line"),
        pytest.param("one\ntwo", "is no report of", id="a text without a line break at its end"),
        pytest.param('{"a": 1}\n', "is no report of", id="another file"),
        pytest.param('{"version": 2}\n', "of another version", id="another version"),
        pytest.param(
            json.dumps({"version": 1, "plan": {**PLAN, "application": "chat"}}) + "\n",
            "a run with application chat, not shop",
            id="another application",
        ),
    ],
)
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "report.jsonl"
    path.write_text(content)
    with pytest.raises(GenerationError, match=problem):
        GenerationJournal(path, PLAN)
    assert path.read_text() == content


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    with GenerationJournal(path, PLAN), pytest.raises(GenerationError, match="another run writes"):
        GenerationJournal(path, PLAN)
    with GenerationJournal(path, PLAN):
        pass


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="cannot be written"):
        GenerationJournal(tmp_path / "none" / "report.jsonl", PLAN)
