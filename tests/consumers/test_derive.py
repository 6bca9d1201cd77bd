"""The rules of docs/datasets.md, one by one."""

import random
from typing import Any

import pytest
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING, Subset
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.training import training_table
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.unit_schema import UNITS
from plaudit_consumers.rows.units import derive_units
from plaudit_schemas.contract.aspects import Aspects

from tests.consumers.builders import canonical, lost, rows, turns
from tests.support.finished import (
    Record,
    chat,
    comparison,
    correction,
    finished,
    like,
    message,
    number,
    said,
)

PROMPT = turns(("user", "text of q"))
ANSWER = turns(("assistant", "text of a"))


def counts(found: dict[str, list[Record]]) -> tuple[int, ...]:
    return tuple(len(found[subset]) for subset in ("sft", "sft_tools", "preference", "kto"))


def test_a_like_makes_an_sft_row_and_a_kto_row() -> None:
    found = rows(chat(like("a"), offset=41))
    assert counts(found) == (1, 0, 0, 1)
    row = found["sft"][0]
    assert row["prompt"] == PROMPT
    assert row["completion"] == ANSWER
    assert row["message_ids"] == ["a"]
    assert row["raters"] == [{"id": "u", "kind": "user", "version": None}]
    assert (row["origin"], row["aspect"], row["agreement"], row["vote_weight"], row["vote_strength"]) == (
        "rating", "satisfaction", 1.0, 1.0, 1.0,
    )  # fmt: skip
    assert (row["votes"], row["user_count"], row["conversation_count"], row["near_tie"]) == (1, 1, 1, False)
    assert (row["turns"], row["alternating"]) == (1, True)
    assert (row["application"], row["conversation_id"], row["revision"]) == ("acme", "c41", 1)
    assert (row["model"], row["model_version"]) == ("m", "1")
    assert (row["consent"], row["source_partition"], row["source_offset"]) == ("granted", 0, 41)
    assert found["kto"][0]["label"] is True


def test_a_dislike_makes_a_kto_row_with_label_false() -> None:
    found = rows(chat(like("a", False)))
    assert counts(found) == (0, 0, 0, 1)
    assert found["kto"][0]["label"] is False


@pytest.mark.parametrize(
    ("rating", "expected"),
    [(5, (1, 0, 0, 1)), (4, (1, 0, 0, 1)), (3.5, (0, 0, 0, 1)), (3, (0, 0, 0, 0)), (1, (0, 0, 0, 1))],
    ids=["five", "four", "three and a half", "three", "one"],
)
def test_numbers_are_rescaled_and_the_middle_is_no_label(rating: float, expected: tuple[int, ...]) -> None:
    assert counts(rows(chat(number("a", rating)))) == expected


def test_an_unrated_turn_and_a_rating_of_the_whole_chat_make_no_row() -> None:
    assert counts(rows(chat(), chat(like(None)), chat(said("a", "text", {"text": "good"})))) == (0, 0, 0, 0)


def test_history_follows_parents_not_the_log() -> None:
    branched = finished(
        message("s", "system"),
        message("q", "user"),
        message("a1"),
        message("a2", parent_id="q", content="  other\n"),
        message("q2", "user", parent_id="a2", content=""),
        message("a3", parent_id="q2"),
        feedback=[like("a3")],
    )
    row = rows(branched)["sft"][0]
    assert row["prompt"] == turns(
        ("system", "text of s"), ("user", "text of q"), ("assistant", "  other\n"), ("user", "")
    )


@pytest.mark.parametrize(
    "messages",
    [
        [message("a")],
        [message("s", "system"), message("a")],
        [message("a0"), message("a")],
        [message("q", "user"), message("a", status="cut")],
        [message("q", "user"), message("a", status="error")],
        [message("q", "user"), message("a", status="partial")],
        [message("q", "user"), message("a", orphan=True)],
        [message("q", "user", orphan=True), message("a")],
        [message("q", "unknown"), message("a")],
        [message("q", "user"), message("a", "user")],
        [message("q", "user", attachments=[{"uri": "s3://b/x", "media_type": "image/png"}]), message("a")],
        [message("q", "user", parent_id="a"), message("a", parent_id="q")],
        [message("q", "user", content="x" * 101), message("a")],
    ],
    ids=["no prompt", "only a system turn", "after an answer", "cut", "failed", "partial", "orphan",
         "orphaned prompt", "unknown speaker", "not an answer", "attachment", "cycle", "too long"],
)  # fmt: skip
def test_what_is_never_a_target(messages: list[Record]) -> None:
    assert counts(rows(finished(*messages, feedback=[like("a")]), max_prompt_bytes=100)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("consent", "policy", "expected"),
    [("granted", "opt_in", 1), ("unspecified", "opt_in", 0), ("unknown", "opt_in", 0),
     ("denied", "opt_in", 0), ("granted", "opt_out", 1), ("unspecified", "opt_out", 1),
     ("denied", "opt_out", 0)],
    ids=["opt in and granted", "opt in and unspecified", "opt in and unknown", "opt in and denied",
         "opt out and granted", "opt out and unspecified", "opt out and denied"],
)  # fmt: skip
def test_consent(consent: str, policy: str, expected: int) -> None:
    assert len(rows(chat(like("a"), consent=consent), training_consent=policy)["sft"]) == expected


def test_an_erased_conversation_makes_no_row() -> None:
    assert counts(rows(chat(like("a"), erased=True))) == (0, 0, 0, 0)


def test_raters_are_combined_by_their_mean() -> None:
    def voters(*votes: bool) -> Record:
        return chat(*(like("a", vote, rater={"id": f"r{at}"}) for at, vote in enumerate(votes)))

    row = rows(voters(True, True, True, False))["sft"][0]
    assert (row["agreement"], row["vote_weight"], row["vote_strength"]) == (0.75, 0.75, 0.5)
    assert [rater["id"] for rater in row["raters"]] == ["r0", "r1", "r2", "r3"]
    assert counts(rows(voters(True, False))) == (0, 0, 0, 0)
    assert counts(rows(voters(True, True, False))) == (0, 0, 0, 1)
    assert counts(rows(voters(True, True, True, False), min_agreement=0.8)) == (0, 0, 0, 0)
    assert counts(rows(voters(True), min_raters=2)) == (0, 0, 0, 0)


def test_the_worst_judged_aspect_decides() -> None:
    found = rows(chat(like("a"), said("a", "label", {"labels": ["incorrect"]}, aspect="accuracy")))
    assert counts(found) == (0, 0, 0, 1)
    assert (found["kto"][0]["label"], found["kto"][0]["aspect"]) == (False, "accuracy")
    only = rows(chat(like("a"), like("a", False, aspect="accuracy")), training_aspects="satisfaction")
    assert counts(only) == (1, 0, 0, 1)


def test_confidence_weighs() -> None:
    assert rows(chat(like("a", confidence=0.5)))["kto"][0]["vote_weight"] == 0.5


def test_a_raters_latest_word_on_an_aspect_counts_once() -> None:
    both = chat(like("a", confidence=0.5), number("a", 5), like("a", False, rater={"id": "v"}))
    assert counts(rows(both)) == (0, 0, 0, 0)  # one for, one against
    row = rows(chat(like("a", False), number("a", 5, confidence=0.5)))["kto"][0]
    assert (row["label"], len(row["raters"]), row["votes"], row["vote_weight"]) == (True, 1, 1, 0.5)
    assert counts(rows(chat(like("a"), number("a", 5)), min_raters=2)) == (0, 0, 0, 0)
    early = number("a", 1)
    early["occurred_at"] -= 1
    assert rows(chat(like("a"), early))["kto"][0]["label"] is True
    same = [correction("a", "better", aspect=aspect, confidence=0.5) for aspect in ("x", "y")]
    assert [len(row["raters"]) for row in rows(chat(*same))["sft"]] == [1]


def test_a_models_vote_counts_only_if_it_is_asked_for() -> None:
    judged = chat(like("a", rater={"id": "judge", "kind": "model", "version": "3"}))
    assert counts(rows(judged)) == (0, 0, 0, 0)
    assert lost(judged) == {"rater_not_chosen": 1}
    (row,) = rows(judged, training_raters="model")["kto"]
    assert row["raters"] == [{"id": "judge", "kind": "model", "version": "3"}]


def test_a_user_without_a_rater_id_is_the_conversations_user() -> None:
    assert rows(chat(like("a", rater={"id": None})))["kto"][0]["raters"][0]["id"] == "user-1"


def test_a_correction_is_an_sft_target_and_a_pair() -> None:
    found = rows(chat(like("a"), correction("a", "better")))
    assert counts(found) == (1, 0, 1, 1)
    assert found["sft"][0]["completion"] == turns(("assistant", "better"))
    assert found["sft"][0]["origin"] == "correction"
    pair = found["preference"][0]
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == (
        PROMPT,
        turns(("assistant", "better")),
        ANSWER,
    )
    assert (pair["message_ids"], pair["vote_strength"], pair["model"]) == (["a", "a"], None, "m")


def test_a_correction_of_a_cut_answer_is_no_pair_and_one_without_change_neither() -> None:
    cut = finished(message("q", "user"), message("a", status="cut"), feedback=[correction("a", "whole")])
    assert counts(rows(cut)) == (1, 0, 0, 0)
    assert counts(rows(chat(correction("a", "text of a")))) == (1, 0, 0, 0)
    assert counts(rows(chat(correction("a", "")))) == (0, 0, 1, 0)


def test_the_same_correction_by_two_raters_is_one_row() -> None:
    found = rows(chat(*(correction("a", "better", rater={"id": name}) for name in ("r1", "r2"))))
    assert counts(found) == (1, 0, 1, 0)
    assert len(found["sft"][0]["raters"]) == 2


def test_an_empty_answer_is_labelled_but_no_target() -> None:
    assert counts(rows(finished(message("q", "user"), message("a", content=""), feedback=[like("a")]))) == (
        0,
        0,
        0,
        1,
    )


def test_a_messages_own_model_counts() -> None:
    own = finished(message("q", "user"), message("a", model={"id": "n"}), feedback=[like("a")])
    assert (rows(own)["sft"][0]["model"], rows(own)["sft"][0]["model_version"]) == ("n", None)
    bare = chat(like("a"), model=None)
    assert rows(bare)["sft"][0]["model"] is None


def test_many_conversations_give_what_each_gives_alone() -> None:
    rng = random.Random(3)
    many = []
    for at in range(60):
        feedback = [like("a", rng.random() < 0.5) for _ in range(rng.randint(0, 2))]
        if rng.random() < 0.3:
            feedback.append(correction("a", f"better {at}"))
        messages = [message("q", "user", content=f"question {at}"), message("a")]
        consent = rng.choice(["granted", "denied"])
        many.append(finished(*messages, feedback=feedback, offset=at, consent=consent))
    together = rows(*many)
    alone = [rows(each) for each in many]
    for subset, found in together.items():
        assert found == [row for one in alone for row in one[subset]]


def largest_table(record: Record) -> int:
    tables = derive_units(canonical(record), RowRules(), Aspects.none(), UnitCounts())
    return max(int(table.nbytes) for table in tables)


@pytest.mark.slow
def test_tables_stay_small_however_large_the_answers_are() -> None:
    names = [f"a{at}" for at in range(1, 41)]
    answers = [message(name, parent_id="q", content=f"{name} {'x' * 300_000}") for name in names]
    ranked = comparison([[name] for name in names])
    wide = finished(message("q", "user"), *answers, comparisons=[ranked])
    assert largest_table(wide) < 10 << 20  # of 780 pairs of 600 KB each
    text = "x" * 300_000
    corrected = chat(*(correction("a", f"{at} {text}", rater={"id": f"r{at}"}) for at in range(60)))
    assert largest_table(corrected) < 10 << 20


def test_tables_stay_small_however_large_the_tools_are() -> None:
    answers = [message(f"a{at}", parent_id="q") for at in range(60)]
    judged = [like(each["message_id"]) for each in answers]
    offered = f'[{{"name": "{"x" * 300_000}"}}]'
    assert largest_table(finished(message("q", "user"), *answers, feedback=judged, tools=offered)) < 10 << 20
    for each in answers:
        call = {"id": "t", "name": "clock", "arguments": f'{{"zone": "{"x" * 300_000}"}}'}
        each["tool_calls"] = [{**call, "id": f"call {each['message_id']}"}]
    called = finished(message("q", "user"), *answers, feedback=judged)
    assert largest_table(called) < 10 << 20


def test_a_long_chat_is_cut_into_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_consumers.rows.units._TABLE_POSITIONS", 50)
    turns_ = [message(f"m{at}", "assistant" if at % 2 else "user") for at in range(40)]
    judged = finished(*turns_, feedback=[like(f"m{at}") for at in range(1, 40, 2)])
    found = rows(judged)
    assert [len(row["prompt"]) for row in found["sft"]] == list(range(1, 40, 2))


def test_slices_of_a_table_give_the_units_of_the_whole() -> None:
    call = {"id": "", "name": "clock", "arguments": ""}
    many = [
        finished(
            message("q", "user", content=f"question {at}"),
            message("c", content="", tool_calls=[call] * (at % 3)),
            message("t", "tool"),
            message("a"),
            feedback=[like("a"), correction("a", f"better {at}")] if at % 2 else [],
            comparisons=[comparison([["c"], ["a"]])] if at % 5 == 0 else [],
            offset=at,
        )
        for at in range(20)
    ]
    table = canonical(*many)

    def units_of(part: Any) -> list[Record]:
        tables = derive_units(part, RowRules(unrated_sft=True), Aspects.none(), UnitCounts())
        return [unit for each in tables for unit in each.to_pylist()]

    whole = units_of(table)
    assert len(whole) > 20
    assert units_of(table.slice(0, 7)) + units_of(table.slice(7)) == whole
    assert units_of(table.slice(3, 0)) == []


@pytest.mark.parametrize("subset", TRAINING, ids="subset-{}".format)
def test_no_units_are_an_empty_table(subset: Subset) -> None:
    table = training_table(subset, UNITS.empty_table(), [])
    assert (table.num_rows, table.schema) == (0, SCHEMAS[subset])
