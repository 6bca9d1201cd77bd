"""arena-battles: who won, by whom, and histories that differ."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Rater

from tests.producers.importers.exports import AWKWARD, import_records, only, ranking, turns
from tests.producers.importers.files import import_file
from tests.support.services import shared_data


def battle(winner: str | None = "model_a", **fields: Any) -> dict[str, Any]:
    question = {"role": "user", "content": AWKWARD}
    return {
        "question_id": "q", "model_a": "A", "model_b": "B", "winner": winner,
        "conversation_a": [question, {"role": "assistant", "content": "one"}],
        "conversation_b": [question, {"role": "assistant", "content": "two"}],
        **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("winner", "order", "none_acceptable"),
    [
        pytest.param("model_a", [["one"], ["two"]], False, id="the first wins"),
        pytest.param("model_b", [["two"], ["one"]], False, id="the second wins"),
        pytest.param("tie", [["one", "two"]], False, id="neither wins"),
        pytest.param("tie (inconsistent)", [["one", "two"]], False, id="a judge who contradicts itself"),
        pytest.param("tie (bothbad)", [["one", "two"]], True, id="both bad as of 2023"),
        pytest.param("both_bad", [["one", "two"]], True, id="both bad as of 2025"),
    ],
)
def test_the_winner_is_a_comparison(
    tmp_path: Path, winner: str, order: list[list[str]], none_acceptable: bool
) -> None:
    chat = only(import_records(tmp_path, "arena-battles", battle(winner)))
    (comparison,) = chat.comparisons
    assert ranking(chat, comparison) == order
    assert comparison.none_acceptable is none_acceptable
    assert turns(chat) == [("user", AWKWARD), ("assistant", "one"), ("assistant", "two")]
    shown = [chat.messages[one] for one in comparison.candidates]
    assert [message.model.id for message in shown if message.model] == ["A", "B"]
    assert len({message.parent_id for message in shown}) == 1


@pytest.mark.parametrize(
    ("judge", "rater", "user_id"),
    [
        pytest.param("arena_user_7", Rater(id="arena_user_7"), "arena_user_7", id="the user who chatted"),
        pytest.param("expert_1", Rater(id="expert_1", kind="reviewer"), None, id="an expert"),
        pytest.param(
            ["gpt-4", "pair-v2"], Rater(id="gpt-4", kind="model", version="pair-v2"), None, id="a model"
        ),
        pytest.param(None, Rater(), None, id="nobody named"),
    ],
)
def test_the_judge_is_the_rater(tmp_path: Path, judge: Any, rater: Rater, user_id: str | None) -> None:
    chat = only(import_records(tmp_path, "arena-battles", battle(judge=judge, tstamp=1_700_000_000.5)))
    assert chat.comparisons[0].rater == rater
    assert chat.start.user_id == user_id
    at = datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert {event.occurred_at for event in chat.events} == {at}


def test_two_judges_of_one_battle_share_the_chat(tmp_path: Path) -> None:
    records = [battle(judge="expert_1"), battle("model_b", judge="expert_2")]
    outcome = import_records(tmp_path, "arena-battles", *records, lines=False)
    (chat,) = outcome.chats
    assert [comparison.rater.id for comparison in chat.comparisons] == ["expert_1", "expert_2"]
    assert len(chat.messages) == 3


def test_histories_that_differ_are_branches(tmp_path: Path) -> None:
    def side(answer: str) -> list[dict[str, Any]]:
        texts = [("user", "q"), ("assistant", answer), ("user", "more"), ("assistant", f"{answer} again")]
        return [{"role": role, "content": text} for role, text in texts]

    record = battle("model_b", conversation_a=side("x"), conversation_b=side("y"))
    outcome = import_records(tmp_path, "arena-battles", record)
    chat = only(outcome)
    (comparison,) = chat.comparisons
    ends = [chat.path_to(one) for one in comparison.candidates]
    assert [[text for _, text in path] for path in ends] == [
        ["q", "x", "more", "x again"],
        ["q", "y", "more", "y again"],
    ]
    assert outcome.report.noted == 1


@pytest.mark.parametrize(
    ("turn", "earlier"),
    [
        pytest.param(1, True, id="the first of two"),
        pytest.param(2, False, id="the last"),
        pytest.param(3, False, id="one that is not there"),
        pytest.param(0, False, id="none"),
        pytest.param(None, False, id="no turn"),
        pytest.param("1", False, id="a text"),
        pytest.param(True, False, id="no number"),
    ],
)
def test_a_vote_on_an_earlier_turn_is_about_that_turn(tmp_path: Path, turn: Any, earlier: bool) -> None:
    """MT-bench has both turns of both models in each record, and a vote on either."""

    def two_turns(first: str, last: str) -> list[dict[str, str]]:
        texts = [("user", "q"), ("assistant", first), ("user", "more"), ("assistant", last)]
        return [{"role": role, "content": text} for role, text in texts]

    sides = {"conversation_a": two_turns("A1", "A2"), "conversation_b": two_turns("B1", "B2")}
    outcome = import_records(tmp_path, "arena-battles", battle("model_b", turn=turn, **sides))
    chat = only(outcome)
    (comparison,) = chat.comparisons
    (note,) = outcome.report.note_examples
    if earlier:
        assert ranking(chat, comparison) == [["B1"], ["A1"]]
        assert len({chat.messages[one].parent_id for one in comparison.candidates}) == 1
        assert note == "line 1: the vote is about an earlier turn, so what follows it is left out"
    else:
        assert ranking(chat, comparison) == [["B2"], ["A2"]]
        assert "histories differ" in note


def test_other_editions(tmp_path: Path) -> None:
    part = {"type": "text", "text": "q", "image": None}
    picture = {"type": "image", "image": "https://example.org/a.png", "mimeType": "image/png"}
    sides: dict[str, Any] = {
        f"conversation_{side}": [
            {"role": "user", "content": [part, picture]},
            {"role": "assistant", "content": [{"type": "text", "text": side}]},
        ]
        for side in "ab"
    }
    lists = {
        "id": 1, "model_a": "A", "model_b": "B", "prompt": '["q", "more"]', "response_a": '["x", "xx"]',
        "response_b": '["y", "yy"]', "winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0,
    }  # fmt: skip
    outcome = import_records(tmp_path, "arena-battles", battle(**sides), lists)
    assert outcome.report.examples == []
    parts, texts = outcome.chats
    attachment = next(iter(parts.messages.values())).attachments[0]
    assert (attachment.uri, attachment.media_type) == ("https://example.org/a.png", "image/png")
    assert ranking(texts, texts.comparisons[0]) == [["yy"], ["xx"]]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(battle("model_c"), "winner must be one of", id="an unknown winner"),
        pytest.param(battle(None), "winner is missing", id="no winner"),
        pytest.param(battle(conversation_a=[]), "at least one message", id="an empty side"),
        pytest.param(
            battle(conversation_b=[{"role": "boss", "content": ""}]), "role must be", id="a strange role"
        ),
        pytest.param({"winner": "tie"}, "lacks 'prompt'", id="no conversation"),
        pytest.param(
            {"winner": "tie", "prompt": ["q"], "response_a": []},
            "1 prompts but 0 responses",
            id="lists of two lengths",
        ),
    ],
)
def test_bad_battles_say_why(tmp_path: Path, record: Any, reason: str) -> None:
    outcome = import_records(tmp_path, "arena-battles", battle(), record)
    assert len(outcome.chats) == 1
    (example,) = outcome.report.examples
    assert example.startswith("line 2: ")
    assert reason in example


def test_the_shared_case() -> None:
    outcome = import_file(shared_data("../cases/arena_battles.jsonl"), "arena-battles")
    assert outcome.report.bad == 0
    first, second, third, fourth = outcome.chats
    assert ranking(first, first.comparisons[0]) == [["a1"], ["b1"]]
    assert [comparison.none_acceptable for comparison in second.comparisons] == [True]
    parents = {third.messages[one].parent_id for one in third.comparisons[0].candidates}
    assert len(parents) == 2
    assert ranking(fourth, fourth.comparisons[0]) == [["same", "same"]]
