"""Calls of tools and the tools' answers."""

import pytest
from plaudit_consumers.rows.tool_links import ToolTurn, link_calls


def calls(*ids: str | None) -> ToolTurn:
    return ToolTurn("assistant", ids)


def answer(name: str | None = None) -> ToolTurn:
    return ToolTurn("tool", answers=name)


ASKS = ToolTurn("user")
SAYS = ToolTurn("assistant")


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([ASKS, calls("x"), answer("x")], ["", "x", "x"]),
        ([ASKS, calls(""), answer()], ["", "call00001", "call00001"]),
        ([ASKS, calls(None), answer("y")], ["", "y", "y"]),
        ([ASKS, calls("x"), answer()], ["", "x", "x"]),
        ([ASKS, calls("x", "y"), answer("y"), answer("x")], ["", "x y", "y", "x"]),
        ([ASKS, calls("x", "y"), answer("y"), answer()], ["", "x y", "y", "x"]),
        ([ASKS, calls("", "y"), answer("y"), answer()], ["", "call00001 y", "y", "call00001"]),
        ([ASKS, calls("x"), answer("z")], ["", "x", "z"]),
        ([ASKS, answer()], ["", ""]),
        ([calls(""), answer(), answer()], ["call00001", "call00001", ""]),
        ([calls(""), calls(""), answer(), answer()], ["call00001", "call00002", "call00001", "call00002"]),
        ([calls("", ""), answer(), SAYS, ASKS, calls(""), answer()],
         ["call00001 call00002", "call00001", "", "", "call00003", "call00003"]),
        ([calls("call00001"), answer(), calls(""), answer()],
         ["call00001", "call00001", "call00002", "call00002"]),
        ([calls("x"), answer("x"), calls("x"), answer("x")], ["x", "x", "x", "x"]),
        ([ASKS, calls("")], ["", "call00001"]),
    ],
    ids=["named", "nameless", "named by its answer", "answer without a name", "in another order",
         "one answer without a name", "one call without an id", "another's name", "no call",
         "one answer too many", "calls in two turns", "never answered", "an id that is taken",
         "an id used twice", "no answer yet"],
)  # fmt: skip
def test_links(turns: list[ToolTurn], expected: list[str]) -> None:
    found = link_calls(turns)
    assert [" ".join(link.calls) or link.answers or "" for link in found] == expected


def test_numbers_of_answered_calls_do_not_depend_on_ids() -> None:
    shapes = [[calls(a, b), answer(b), answer(a)] for a, b in (("x", "y"), ("p", "q"))]
    assert [[link.answered for link in link_calls(turns)] for turns in shapes] == [[None, 1, 0]] * 2
