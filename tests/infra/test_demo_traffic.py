"""What the demo sends, as a whole or in halves."""

import json
from pathlib import Path

import pytest
from plaudit_infra.demo.traffic import ReplayedFile, Words, replayed, simulated, simulated_once
from plaudit_schemas.errors import NotFoundError


def value(words: Words | None, option: str) -> str | None:
    """The value of an option; None without it."""
    assert words is not None
    return words[words.index(option) + 1] if option in words else None


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Eleven chats, and a line that is none."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    lines = [json.dumps({"messages": turns, "id": str(number)}) for number in range(11)]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join([*lines, "no json"]))
    return path


def test_simulated_chats_go_on_and_a_model_gets_worse_at_half() -> None:
    sent = simulated(100, 40)
    assert sent.later is None
    assert value(sent.first, "--shift-at") == "20.0"
    assert value(sent.first, "--conversations") is None
    assert value(simulated(100, None).first, "--shift-at") == "60.0"
    assert value(simulated(100, 0.5).first, "--shift-at") == "1.0"


def test_a_finite_run_without_a_scorer_is_one_part() -> None:
    sent = simulated_once(100, None, halves=False)
    assert sent.later is None
    assert value(sent.first, "--conversations") == "400"
    assert value(sent.first, "--shift") == "aurora-2:0.1"


def test_the_second_half_of_simulated_chats_are_others_with_one_model_worse() -> None:
    sent = simulated_once(100, 61, halves=True)
    assert [value(words, "--conversations") for words in sent] == ["30", "31"]
    assert [value(words, "--seed") for words in sent] == [None, "1"]
    models = value(sent.later, "--models")
    assert models is not None
    assert "aurora-2:0.1" in models
    assert "boreal-1:0.7" in models
    assert simulated_once(100, 1, halves=True).later is None


@pytest.mark.parametrize(
    ("form", "limit", "first", "later"),
    [(None, None, "6", None), ("openai-chat", None, "6", None), (None, 5, "2", "5")],
    ids=["a whole file", "a named form", "some records"],
)
def test_a_file_is_halved_by_its_records(
    chats: Path, form: str | None, limit: int | None, first: str, later: str | None
) -> None:
    file = ReplayedFile(chats, form, "granted", limit)
    sent = replayed(file, halves=True)
    assert (value(sent.first, "--limit"), value(sent.later, "--limit")) == (first, later)
    assert sent.first[1] == str(chats)
    assert replayed(file, halves=False) == (sent.later, None)


def test_one_record_has_no_second_half(chats: Path) -> None:
    sent = replayed(ReplayedFile(chats, None, "granted", 1), halves=True)
    assert (value(sent.first, "--limit"), sent.later) == ("1", None)


def test_a_missing_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        replayed(ReplayedFile(tmp_path / "none.jsonl", None, "granted", None), halves=True)
