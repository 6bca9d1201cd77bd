"""Answers of stored conversations: which are scored, with which turns, and what people said of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.subset_rows import rows_of_subset
from plaudit_consumers.ranking.errors import RankingError
from plaudit_consumers.ranking.judged_answers import (
    JudgedAnswer,
    JudgedPair,
    judged_in_rows,
    judged_in_snapshot,
    liked,
)
from plaudit_consumers.ranking.stored_answers import StoredAnswer, answers_of
from plaudit_consumers.ranking.stored_rows import conversations_of
from plaudit_consumers.ranking.stored_scores import write_scores
from plaudit_consumers.training.judged_turns import turns_of
from plaudit_schemas.models.inputs import ToolUse, Turn
from plaudit_schemas.models.model import open_model

from tests.consumers.live_root import T0, Root, talk, thumb, turn
from tests.support.tiny_models import write_model

CALL = {"id": "c", "name": "dim", "arguments": "{}"}


def row(*messages: dict[str, Any], feedback: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    """A row as the readers give it."""
    full = [{"reasoning": None, "tool_call_id": None, **message} for message in messages]
    return {
        "application": "acme", "conversation_id": "c", "erased": False, "messages": full,
        "feedback": list(feedback), **more,
    }  # fmt: skip


def test_every_complete_answer_comes_with_the_turns_before_it() -> None:
    found = list(answers_of(row(*talk("q1", "a1", "q2", "a2")), "exchange"))
    assert [each.message_id for each in found if isinstance(each, StoredAnswer)] == ["m1", "m3"]
    last = found[-1]
    assert isinstance(last, StoredAnswer)
    assert [turn.content for turn in last.turns] == ["q1", "a1", "q2", "a2"]


def test_an_answer_follows_its_own_branch() -> None:
    messages = turn("q", "user"), turn("a", parent="q"), turn("b", parent="q")
    turns = [each.turns for each in answers_of(row(*messages), "history") if isinstance(each, StoredAnswer)]
    assert [[one.content for one in each] for each in turns] == [
        ["text of q", "text of a"],
        ["text of q", "text of b"],
    ]


def test_a_path_ends_where_messages_are_missing_or_go_in_circles() -> None:
    for parent in ("gone", "b"):
        messages = turn("a", parent="b"), turn("b", "user", parent="a" if parent == "b" else parent)
        [found] = answers_of(row(*messages), "history")
        assert isinstance(found, StoredAnswer)
        assert [one.content for one in found.turns] == ["text of b", "text of a"]


@pytest.mark.parametrize("status", ["partial", "cut", "error"])
def test_what_is_not_complete_is_left_out(status: str) -> None:
    assert list(answers_of(row(turn("a", status=status)), "answer")) == ["status"]


def test_an_erased_conversation_is_left_out() -> None:
    assert list(answers_of(row(erased=True), "answer")) == ["erased"]


def test_calls_without_a_text_are_for_models_that_see_the_history() -> None:
    silent = turn("a", content=None, tool_calls=[CALL])
    assert list(answers_of(row(silent), "exchange")) == ["tool_calls"]
    [seen] = answers_of(row(silent), "history")
    assert isinstance(seen, StoredAnswer)
    assert seen.turns == [Turn("assistant", "", tool_calls=(ToolUse("c", "dim", "{}"),))]
    [spoken] = answers_of(row(turn("a", content="Dimmed.", tool_calls=[CALL])), "answer")
    assert isinstance(spoken, StoredAnswer)


def test_the_rows_of_a_root_are_scored_into_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "polite"
    write_model(folder)
    root = Root(tmp_path / "live")
    root.judged("c1", *talk("hi", "thanks", "go on", "rude"))
    root.judged("c1", *talk("hi", "thanks", "go on", "rude", "more", "please"), revision=2)
    root.judged("c2", turn("a", status="partial"), turn("b", content="rude"))
    root.judged("gone", turn("a", content="thanks"))
    root.add("gone", erased=True, messages=[])
    root.publish()
    model = open_model(folder)
    with conversations_of(str(root.folder), None) as rows:
        fates = write_scores(rows, model, "answer", tmp_path / "out" / "scores.parquet")
    assert fates == {"scored": 4, "status": 1}
    written = pq.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    found = {(each["conversation_id"], each["message_id"]): each["score"] for each in written}
    assert found == {("c1", "m1"): 0.881, ("c1", "m3"): 0.047, ("c1", "m5"): 0.731, ("c2", "b"): 0.047}
    assert {(each["name"], each["version"], each["sha256"]) for each in written} == {
        ("polite", "1", model.sha256)
    }
    with (
        conversations_of(str(root.folder), None) as rows,
        pytest.raises(RankingError, match="exists; name another --output"),
    ):
        write_scores(rows, model, "answer", tmp_path / "out" / "scores.parquet")
    snapshot = root.built()
    with conversations_of(None, snapshot) as rows:
        assert write_scores(rows, model, "answer", tmp_path / "again.parquet")["scored"] == 4
    (tmp_path / "file").write_text("")
    with (
        conversations_of(None, snapshot) as rows,
        pytest.raises(RankingError, match="cannot be written"),
    ):
        write_scores(rows, model, "answer", tmp_path / "file" / "x.parquet")


def test_half_a_file_is_never_there(tmp_path: Path) -> None:
    write_model(tmp_path / "polite")
    model = open_model(tmp_path / "polite")

    def rows() -> Any:
        yield row(turn("a", content="thanks"))
        raise SnapshotError("a file is missing")

    with pytest.raises(SnapshotError):
        write_scores(rows(), model, "answer", tmp_path / "scores.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["polite"]


def test_a_changed_file_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    root = Root(tmp_path / "live")
    root.sft("c", "q", "a")
    snapshot = root.built(shares=(100, 0, 0))
    manifest = read_manifest(snapshot)
    assert len(list(rows_of_subset(snapshot, manifest, "kto", ["train"]))) == 1
    assert list(rows_of_subset(snapshot, manifest, "kto", ["test"])) == []
    [file] = (snapshot / "kto").iterdir()
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(SnapshotError, match="was changed after it was built"):
        list(rows_of_subset(snapshot, manifest, "kto", ["train"]))
    file.unlink()
    with pytest.raises(SnapshotError, match="is missing"):
        list(rows_of_subset(snapshot, manifest, "kto", ["train"]))


def judged(*feedback: dict[str, Any], **more: Any) -> list[bool]:
    rows = [row(turn("q", "user"), turn("a", parent="q"), feedback=feedback)]
    return [each.liked for each in judged_in_rows(rows, {"answer"}, "satisfaction", **more)]


def of_kind(kind: str) -> dict[str, str]:
    return {"id": "m", "kind": kind, "version": "1"}


def test_the_majority_of_people_decides() -> None:
    assert judged(thumb("a", True)) == [True]
    assert judged(thumb("a", True), thumb("a", False, rater="s"), thumb("a", False, rater="t")) == [False]
    assert judged(thumb("a", True), thumb("a", False, rater="s")) == []
    assert judged(thumb("a", None)) == []
    assert judged(thumb("q", True), thumb(None, True)) == []
    assert judged(thumb("a", True, aspect="tone")) == []


def test_a_rater_has_one_vote_the_last_one() -> None:
    later = T0 + timedelta(hours=1)
    assert judged(thumb("a", False, occurred_at=later), thumb("a", True)) == [False]
    assert judged(thumb("a", True), thumb("a", None, occurred_at=later)) == []


def test_models_are_no_people_unless_asked_for() -> None:
    said = {**thumb("a", True), "rater": of_kind("model")}
    assert judged(said) == []
    assert judged(said, raters={"model"}) == [True]


def test_only_what_was_judged_since_a_time() -> None:
    assert judged(thumb("a", True), since=datetime(2027, 1, 1, tzinfo=UTC)) == []
    assert judged(thumb("a", True), since=T0) == [True]


def test_a_model_may_have_learnt_from_a_word_that_was_replaced() -> None:
    first, again = thumb("a", False), {**thumb("a", True), "occurred_at": T0 + timedelta(days=9)}
    assert judged(first, again) == [True]
    assert judged(first, again, since=T0 + timedelta(days=8)) == []


def test_an_answer_that_one_model_is_not_given_is_left_out() -> None:
    rows = [row(turn("a", content="", tool_calls=[CALL]), feedback=(thumb("a", True),))]
    assert len(list(judged_in_rows(rows, {"history"}, "satisfaction"))) == 1
    assert list(judged_in_rows(rows, {"history", "answer"}, "satisfaction")) == []


@pytest.mark.parametrize(
    ("number", "word"),
    [
        pytest.param((4, 1, 5), True, id="above the middle"),
        pytest.param((2, 1, 5), False, id="below the middle"),
        pytest.param((3, 1, 5), None, id="in the middle"),
        pytest.param((3, 3, 3), None, id="no scale"),
        pytest.param((3, None, None), None, id="unknown scale"),
    ],
)
def test_numbers_are_read_by_their_scale(number: tuple[Any, Any, Any], word: bool | None) -> None:
    fields = dict(zip(("number", "minimum", "maximum"), number, strict=True))
    assert liked({"kind": "number", "aspect": "satisfaction", **fields}) is word


def test_labels_count_for_accuracy_alone() -> None:
    label = {"kind": "label", "labels": ["correct"], "number": None, "minimum": None, "maximum": None}
    assert liked({**label, "aspect": "accuracy"}) is True
    assert liked({**label, "aspect": "satisfaction"}) is None


def test_rows_of_a_snapshot_are_answers_and_pairs() -> None:
    prompt, good, bad = (
        [{"role": role, "content": text}]
        for role, text in (("user", "q"), ("assistant", "a"), ("assistant", "b"))
    )
    rows: list[dict[str, Any]] = [
        {"prompt": prompt, "completion": good, "label": True, "aspect": "satisfaction"},
        {"prompt": prompt, "completion": good, "label": True, "aspect": "tone"},
        {"prompt": prompt, "chosen": good, "rejected": bad, "aspect": "preference"},
        {"prompt": prompt, "chosen": bad, "rejected": good, "aspect": "tone"},
        {"prompt": prompt, "chosen": good, "rejected": good, "aspect": "preference"},
    ]
    first, second = judged_in_snapshot(rows, "satisfaction")
    assert isinstance(first, JudgedAnswer)
    assert isinstance(second, JudgedPair)
    assert first.turns == (Turn("user", "q"), Turn("assistant", "a"))
    assert second.rejected[-1] == Turn("assistant", "b")
    assert first.group == second.group


def test_chats_with_one_system_prompt_are_not_one_group() -> None:
    system = {"role": "system", "content": "Be brief."}
    rows = [
        {
            "prompt": [system, {"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": "a"}],
            "label": True,
            "aspect": "satisfaction",
        }
        for question in ("q1", "q2", "q1")
    ]
    first, second, third = (one.group for one in judged_in_snapshot(rows, "satisfaction"))
    assert first == third != second


def test_messages_of_rows_with_tools_are_json() -> None:
    text = (
        '{"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": '
        '[{"id": "c", "type": "function", "function": {"name": "dim", "arguments": {"by": 3}}}]}'
    )
    assert turns_of([text]) == (Turn("assistant", "", "hm", (ToolUse("c", "dim", '{"by": 3}'),)),)
