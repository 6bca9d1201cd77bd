"""Whether turns alternate, and which are joined."""

import pytest
from plaudit_consumers.rows.turns import OrderedTurn, alternates, joined_groups

from tests.consumers.builders import lost, rows, turns, units
from tests.support.finished import Record, chat, finished, like, message

LETTERS = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def read(text: str) -> list[OrderedTurn]:
    """`sua` is system, user, assistant; `c` is an assistant that calls a tool."""
    return [
        OrderedTurn("assistant", calls=True) if letter == "c" else OrderedTurn(LETTERS[letter])
        for letter in text
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ua", True), ("sua", True), ("uaua", True), ("ucta", True), ("ucttcta", True), ("ucc", True),
     ("a", False), ("aua", False), ("uua", False), ("suua", False), ("usa", False), ("uaa", False),
     ("ssua", False), ("", True)],
    ids=["one turn", "system first", "two turns", "a call", "several calls", "ends with a call", "an answer",
         "greeting first", "two questions", "two questions after a system turn", "system in the middle",
         "two answers", "two system turns", "nothing"],
)  # fmt: skip
def test_alternation(text: str, expected: bool) -> None:
    assert alternates(read(text)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ua", ["u", "a"]), ("uua", ["uu", "a"]), ("uuuaau", ["uuu", "aa", "u"]),
     ("uctta", ["u", "c", "t", "t", "a"]), ("uac", ["u", "ac"]), ("uca", ["u", "c", "a"]),
     ("ssu", ["ss", "u"]), ("", [])],
    ids=["nothing to join", "two questions", "several", "tools", "a text before a call", "an open call",
         "two system turns", "no turn"],
)  # fmt: skip
def test_joined_turns(text: str, expected: list[str]) -> None:
    assert [text[group.start : group.stop] for group in joined_groups(read(text))] == expected


def doubled(*feedback: Record) -> Record:
    """A greeting, two questions and an answer."""
    return finished(
        message("s", "system"),
        message("q1", "user", content="one"),
        message("q2", "user", content="two"),
        message("a"),
        feedback=list(feedback or [like("a")]),
    )


GREETED = finished(message("g"), message("q", "user"), message("a"), feedback=[like("a")])


def test_rows_say_whether_their_roles_alternate() -> None:
    assert [row["alternating"] for row in rows(doubled())["sft"]] == [False]
    assert [row["alternating"] for row in rows(GREETED)["sft"]] == [False]
    assert [(row["alternating"], row["turns"]) for row in rows(chat(like("a")))["sft"]] == [(True, 1)]
    assert [row["turns"] for row in rows(doubled())["sft"]] == [2]


def test_neighbouring_turns_of_one_role_are_joined_where_asked_for() -> None:
    (row,) = rows(doubled(), alternating="merge")["sft"]
    assert row["prompt"] == turns(("system", "text of s"), ("user", "one\n\ntwo"))
    assert (row["alternating"], row["turns"]) == (True, 1)
    assert [row["alternating"] for row in rows(GREETED, alternating="merge")["sft"]] == [False]


def test_joined_turns_are_the_same_as_a_turn_with_their_text() -> None:
    whole = finished(
        message("s", "system"),
        message("q", "user", content="one\n\ntwo"),
        message("a"),
        feedback=[like("a", rater={"id": "v"})],
        offset=8,
    )
    assert [row["votes"] for row in rows(doubled(), whole, alternating="merge")["sft"]] == [2]
    assert [row["votes"] for row in rows(doubled(), whole)["sft"]] == [1, 1]


def test_a_text_before_a_call_joins_it() -> None:
    call = {"id": "t1", "name": "clock", "arguments": "{}"}
    spoken = finished(
        message("q", "user"),
        message("b", content="Let me see."),
        message("c", content="", tool_calls=[call]),
        message("t", "tool", tool_call_id="t1"),
        message("a"),
        feedback=[like("a")],
    )
    (row,) = rows(spoken, alternating="merge")["sft_tools"]
    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "tool"]
    assert row["prompt"][1]["tool_calls"][0]["id"] == "t1"
    assert row["prompt"][1]["content"] == "Let me see."


def test_rows_that_do_not_alternate_are_left_out_where_asked_for() -> None:
    assert lost(doubled(), GREETED, chat(like("a")), alternating="drop") == {"not_alternating": 2}
    assert len(units(doubled(), GREETED, chat(like("a")), alternating="drop")) == 1
