"""The rules of docs/datasets.md, one by one."""

import random
from typing import Any

import pytest
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.settings import RowSettings

from tests.consumers.builders import canonical, rows, turns
from tests.support.finished import (
    T0_MS,
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
    assert (row["origin"], row["aspect"], row["agreement"], row["weight"], row["margin"]) == (
        "rating", "satisfaction", 1.0, 1.0, 1.0,
    )  # fmt: skip
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
    assert (row["agreement"], row["weight"], row["margin"]) == (0.75, 0.75, 0.5)
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
    assert rows(chat(like("a", confidence=0.5)))["kto"][0]["weight"] == 0.5


def test_a_rater_counts_once_however_sure_they_were() -> None:
    both = chat(like("a", confidence=0.5), number("a", 5), like("a", False, rater={"id": "v"}))
    assert counts(rows(both)) == (0, 0, 0, 0)  # one for, one against
    twice = rows(chat(like("a", confidence=0.5), number("a", 5)))["kto"][0]
    assert (len(twice["raters"]), twice["weight"]) == (1, 0.75)
    assert counts(rows(chat(like("a", confidence=0.5), number("a", 5)), min_raters=2)) == (0, 0, 0, 0)
    same = [correction("a", "better", aspect=aspect, confidence=0.5) for aspect in ("x", "y")]
    assert [len(row["raters"]) for row in rows(chat(*same))["sft"]] == [1]


def test_raters_of_a_kind_can_be_left_out() -> None:
    judged = chat(like("a", rater={"id": "judge", "kind": "model", "version": "3"}))
    assert counts(rows(judged, training_raters="user,reviewer")) == (0, 0, 0, 0)
    assert rows(judged)["kto"][0]["raters"] == [{"id": "judge", "kind": "model", "version": "3"}]


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
    assert (pair["message_ids"], pair["margin"], pair["model"]) == (["a", "a"], None, "m")


def test_a_correction_of_a_cut_answer_is_no_pair_and_one_without_change_neither() -> None:
    cut = finished(message("q", "user"), message("a", status="cut"), feedback=[correction("a", "whole")])
    assert counts(rows(cut)) == (1, 0, 0, 0)
    assert counts(rows(chat(correction("a", "text of a")))) == (1, 0, 0, 0)
    assert counts(rows(chat(correction("a", "")))) == (0, 0, 1, 0)


def test_the_same_correction_by_two_raters_is_one_row() -> None:
    found = rows(chat(*(correction("a", "better", rater={"id": name}) for name in ("r1", "r2"))))
    assert counts(found) == (1, 0, 1, 0)
    assert len(found["sft"][0]["raters"]) == 2


def candidates(*texts: str, comparisons: list[Record], **more: Any) -> Record:
    answers = [
        message(f"a{at}", parent_id="q", content=text, **more) for at, text in enumerate(texts, start=1)
    ]
    return finished(message("q", "user"), *answers, comparisons=comparisons)


def pairs(record: Record, **settings: Any) -> list[tuple[Any, ...]]:
    return [
        (row["chosen"][0]["content"], row["rejected"][0]["content"], row["margin"], row["agreement"])
        for row in rows(record, **settings)["preference"]
    ]


def test_a_ranking_gives_a_pair_for_each_order_and_none_for_a_tie() -> None:
    ranked = candidates("x", "y", "z", comparisons=[comparison([["a2"], ["a1", "a3"]])])
    assert pairs(ranked) == [("y", "x", 1.0, 1.0), ("y", "z", 1.0, 1.0)]
    whole = candidates("x", "y", "z", comparisons=[comparison([["a3"], ["a2"], ["a1"]])])
    assert sorted(pairs(whole)) == [("y", "x", 0.5, 1.0), ("z", "x", 1.0, 1.0), ("z", "y", 0.5, 1.0)]


def test_a_pair_never_makes_a_kto_or_sft_row() -> None:
    found = rows(candidates("x", "y", comparisons=[comparison([["a2"], ["a1"]])]))
    assert counts(found) == (0, 0, 1, 0)
    assert found["preference"][0]["message_ids"] == ["a2", "a1"]


def test_identical_answers_are_one_answer() -> None:
    assert pairs(candidates("x", "x", comparisons=[comparison([["a1"], ["a2"]])])) == []
    both = candidates("x", "y", "x", comparisons=[comparison([["a1"], ["a2"], ["a3"]])])
    assert pairs(both) == []
    twice = candidates("x", "x", "y", comparisons=[comparison([["a1"], ["a2"], ["a3"]])])
    assert pairs(twice) == [("x", "y", 0.75, 1.0)]


def test_several_raters_of_a_pair() -> None:
    def judged(*rankings: list[list[str]]) -> Record:
        each = [comparison(ranking, rater={"id": f"r{at}"}) for at, ranking in enumerate(rankings)]
        return candidates("x", "y", comparisons=each)

    for_x, for_y, tie = [["a1"], ["a2"]], [["a2"], ["a1"]], [["a1", "a2"]]
    assert pairs(judged(for_x, for_y, for_x)) == [("x", "y", pytest.approx(1 / 3), pytest.approx(2 / 3))]
    assert pairs(judged(for_x, for_y)) == []
    assert pairs(judged(tie)) == []
    assert pairs(judged(for_y, tie, tie)) == []
    assert pairs(judged(for_y, tie, tie), min_agreement=0.3) == [
        ("y", "x", pytest.approx(1 / 3), pytest.approx(1 / 3))
    ]


def test_a_raters_later_word_on_a_pair_counts() -> None:
    changed = [comparison([["a1"], ["a2"]]), comparison([["a2"], ["a1"]])]
    assert pairs(candidates("x", "y", comparisons=changed)) == [("y", "x", 1.0, 1.0)]
    late = [comparison([["a1"], ["a2"]], occurred_at=T0_MS * 1000 + 1), comparison([["a2"], ["a1"]])]
    assert pairs(candidates("x", "y", comparisons=late)) == [("x", "y", 1.0, 1.0)]


def test_what_is_never_a_pair() -> None:
    ranking = [["a1"], ["a2"]]
    assert pairs(candidates("x", "y", comparisons=[comparison(ranking, none_acceptable=True)])) == []
    assert pairs(candidates("x", "y", comparisons=[comparison(ranking)], status="cut")) == []
    strangers = finished(
        message("q", "user"),
        message("a1"),
        message("q2", "user"),
        message("a2"),
        comparisons=[comparison(ranking)],
    )
    assert pairs(strangers) == []


CALL = {"id": "t1", "name": "clock", "arguments": '{"zone": "UTC"}'}
TOOLS = '[{"type": "function", "function": {"name": "clock"}}]'


def test_chats_with_tools_go_to_a_subset_of_their_own() -> None:
    chat_ = finished(
        message("q", "user"),
        message("c", tool_calls=[CALL], content=""),
        message("t", "tool", tool_call_id="t1", content="12:00"),
        message("a"),
        tools=TOOLS,
        feedback=[like("a"), like("c"), correction("a", "noon")],
    )
    found = rows(chat_)
    assert counts(found) == (0, 2, 0, 0)
    corrected, call = found["sft_tools"]
    assert call["completion"][0]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}
    ]
    assert corrected["tools"] == TOOLS
    assert corrected["prompt"][2]["tool_call_id"] == "t1"
    assert corrected["prompt"][0]["tool_calls"] is None
    assert corrected["completion"] == [
        {"role": "assistant", "content": "noon", "tool_calls": None, "tool_call_id": None}
    ]


def test_tools_on_offer_count_even_when_unused() -> None:
    assert counts(rows(chat(like("a"), tools=TOOLS))) == (0, 1, 0, 0)
    assert counts(rows(chat(like("a"), tools="[]"))) == (1, 0, 0, 1)
    own = finished(message("q", "user"), message("a", tools="[]"), tools=TOOLS, feedback=[like("a")])
    assert counts(rows(own)) == (1, 0, 0, 1)


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
        many.append(chat(*feedback, offset=at, consent=rng.choice(["granted", "denied"])))
    together = rows(*many)
    alone = [rows(each) for each in many]
    for subset, found in together.items():
        assert found == [row for one in alone for row in one[subset]]


def largest_table(record: Record) -> int:
    return max(int(table.nbytes) for _, table in derive(canonical(record), RowSettings()))


def test_tables_stay_small_however_large_the_answers_are() -> None:
    names = [f"a{at}" for at in range(1, 41)]
    wide = candidates(
        *(f"{name} {'x' * 300_000}" for name in names), comparisons=[comparison([[name] for name in names])]
    )
    assert largest_table(wide) < 10 << 20  # of 780 pairs of 600 KB each
    text = "x" * 300_000
    corrected = chat(*(correction("a", f"{at} {text}", rater={"id": f"r{at}"}) for at in range(60)))
    assert largest_table(corrected) < 10 << 20


def test_tables_stay_small_however_large_the_tools_are() -> None:
    answers = [message(f"a{at}", parent_id="q") for at in range(60)]
    judged = [like(each["message_id"]) for each in answers]
    offered = f'["{"x" * 300_000}"]'
    assert largest_table(finished(message("q", "user"), *answers, feedback=judged, tools=offered)) < 10 << 20
    for each in answers:
        each["tool_calls"] = [{**CALL, "arguments": offered}]
    called = finished(message("q", "user"), *answers, feedback=judged, tools=TOOLS)
    assert largest_table(called) < 10 << 20


def test_a_long_chat_is_cut_into_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_consumers.rows.derive._TABLE_POSITIONS", 50)
    turns_ = [message(f"m{at}", "assistant" if at % 2 else "user") for at in range(40)]
    judged = finished(*turns_, feedback=[like(f"m{at}") for at in range(1, 40, 2)])
    found = rows(judged)
    assert [len(row["prompt"]) for row in found["sft"]] == list(range(1, 40, 2))
