"""The real files: counts as their README has them, texts to the byte, ids the same again."""

import gzip
import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from plaudit_schemas.contract.feedback import Number, Rater

from tests.producers.importers.files import Imported, Outcome, import_file
from tests.support.services import shared_data

FILES = {
    "topical-chat": "topical_chat/test_freq.json",
    "hh-rlhf": "hh_rlhf/harmless-base-test.jsonl.gz",
    "oasst": "oasst_zh/oaast_rm_zh.json",
    "halie": "halie/event_blocks.csv",
}
TURN = re.compile(r"\n\n(Human|Assistant):")


def imported(name: str, **options: Any) -> Outcome:
    return import_file(shared_data(FILES[name]), name, **options)


@cache
def once(name: str) -> Outcome:
    return imported(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_event_has_one_id_and_its_time(name: str) -> None:
    outcome = once(name)
    assert outcome.report.bad == 0
    assert len({event.event_id for event in outcome.events}) == len(outcome.events) == outcome.summary.events
    for chat in outcome.chats:
        times = [event.occurred_at for event in chat.events]
        assert times == sorted(times)
        assert {event.source for event in chat.events} == {"import"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_second_import_makes_the_same_bytes(name: str) -> None:
    assert imported(name).producer.messages == once(name).producer.messages


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param("topical-chat", set(), id="topical-chat"),
        pytest.param("hh-rlhf", set(), id="hh-rlhf"),
        pytest.param("oasst", set(), id="oasst"),
        pytest.param("halie", {"name", "user_num_words", "model_num_words"}, id="halie"),
    ],
)
def test_fields_that_are_not_taken_are_named(name: str, fields: set[str]) -> None:
    assert set(once(name).report.fields) == fields


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hh-rlhf", "oasst"])
def test_another_seed_changes_the_order_and_no_id(name: str) -> None:
    first, other = once(name), imported(name, seed=1)
    assert {event.event_id for event in first.events} == {event.event_id for event in other.events}
    orders = [
        [comparison.candidates for chat in outcome.chats for comparison in chat.comparisons]
        for outcome in (first, other)
    ]
    assert orders[0] != orders[1]
    assert [sorted(order) for order in orders[0]] == [sorted(order) for order in orders[1]]
    # Neither order tells the winner: about as many are shown first as come out of a fair draw.
    for outcome in (first, other):
        firsts = Counter(
            c.candidates[0] == c.ranking[0][0] for chat in outcome.chats for c in chat.comparisons
        )
        assert 0.3 < firsts[True] / firsts.total() < 0.6


@pytest.mark.slow
def test_topical_chat_equals_its_file() -> None:
    document = json.loads(shared_data(FILES["topical-chat"]).read_text(encoding="utf-8"))
    outcome = once("topical-chat")
    assert len(outcome.chats) == 539
    assert outcome.summary.bodies["AddMessage"] == 11_760
    stars = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}
    rated = 0
    for chat, (key, original) in zip(outcome.chats, document.items(), strict=True):
        assert chat.start.tags["original_id"] == key
        roles = {"agent_1": "user", "agent_2": "assistant"}
        assert [(message.role, message.content) for message in chat.messages.values()] == [
            (roles[turn["agent"]], turn["message"]) for turn in original["content"]
        ]
        given = {body.message_id: body.feedback for body in chat.feedback if body.message_id}
        expected = {
            message_id: stars[turn["turn_rating"]]
            for message_id, turn in zip(chat.messages, original["content"], strict=True)
            if turn["turn_rating"]
        }
        values = {
            message_id: feedback.value.number
            for message_id, feedback in given.items()
            if isinstance(feedback.value, Number)
        }
        assert values == expected
        for message_id, feedback in given.items():
            by_user = chat.messages[message_id].role == "assistant"
            assert feedback.rater == (Rater() if by_user else Rater(id="agent_2", kind="reviewer"))
        rated += len(given)
        whole = [body for body in chat.feedback if body.message_id is None]
        assert len(whole) == sum(rating != "" for rating in original["conversation_rating"].values())
    assert rated == 11_648


def _transcript(turns: list[tuple[str, str]]) -> str:
    names = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{names[role]}:{text}" for role, text in turns)


def _ends(chat: Imported) -> tuple[str, str]:
    if chat.comparisons:
        (comparison,) = chat.comparisons
        return comparison.ranking[0][0], comparison.ranking[1][0]
    labelled = {body.feedback.value.labels[0]: body.message_id for body in chat.feedback}  # type: ignore[union-attr]  # labels all
    return labelled["chosen"] or "", labelled["rejected"] or ""


@pytest.mark.slow
def test_hh_rlhf_gives_both_transcripts_back() -> None:
    with gzip.open(shared_data(FILES["hh-rlhf"])) as lines:
        pairs = [json.loads(line) for line in lines]
    outcome = once("hh-rlhf")
    assert len(outcome.chats) == len(pairs) == 2_312
    assert outcome.summary.bodies["CompareMessages"] == 2_307
    assert outcome.report.noted == 5
    for chat, pair in zip(outcome.chats, pairs, strict=True):
        chosen, rejected = _ends(chat)
        assert _transcript(chat.path_to(chosen)) == pair["chosen"]
        assert _transcript(chat.path_to(rejected)) == pair["rejected"]
        if chat.comparisons:
            assert chat.messages[chosen].parent_id == chat.messages[rejected].parent_id
    compared = sum(TURN.split(pair["chosen"])[:-1] == TURN.split(pair["rejected"])[:-1] for pair in pairs)
    assert compared == 2_307


def test_oasst_gives_its_rankings_back() -> None:
    document = json.loads(shared_data(FILES["oasst"]).read_text(encoding="utf-8"))
    outcome = once("oasst")
    assert len(outcome.chats) == len(document) == 775
    candidates = pairs = 0
    for chat, original in zip(outcome.chats, document, strict=True):
        (comparison,) = chat.comparisons
        ranked = [group[0] for group in comparison.ranking]
        assert [chat.messages[message_id].content for message_id in ranked] == original["output"]
        turns = [text for pair in original.get("history", []) for text in pair]
        for message_id in ranked:
            path = chat.path_to(message_id)
            assert [text for _, text in path[:-1]] == [*turns, original["instruction"]]
            assert [role for role, _ in path] == ["user", "assistant"] * (len(path) // 2)
        candidates += len(ranked)
        pairs += len(ranked) * (len(ranked) - 1) // 2
    assert (candidates, pairs) == (1_993, 1_809)
    assert outcome.report.noted == 6  # identical candidates
