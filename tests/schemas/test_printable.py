"""Ids and names of other people cannot forge a line, move the cursor or turn the text around."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.commands.printing import columns
from plaudit_schemas.contract.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("c1", "c1", id="nothing"),
        pytest.param("c1\neverything agrees", "c1\\neverything agrees", id="line break"),
        pytest.param("a\r\tb", "a\\r\\tb", id="return and tab"),
        pytest.param("\x1b[2J", "\\x1b[2J", id="escape sequence"),
        pytest.param("\x9b2J", "\\x9b2J", id="escape in one character"),
        pytest.param("a\u202ecod.exe", "a\\u202ecod.exe", id="override"),
        pytest.param("\u2066x\u2069", "\\u2066x\\u2069", id="isolate"),
        pytest.param("a\u2028b\u2029c", "a\\u2028b\\u2029c", id="line separators"),
        pytest.param("a\u0085b", "a\\x85b", id="next line"),
        pytest.param("\udcff", "\\udcff", id="half a pair"),
        pytest.param("\u200b\ufeff", "\\u200b\\ufeff", id="no width"),
        pytest.param("12\u00a0%", "12 %", id="a blank that does not break"),
        pytest.param("\u05d0\u05d1 \u00e9 \U0001f600", "\u05d0\u05d1 \u00e9 \U0001f600", id="letters"),
    ],
)
def test_what_is_not_printable_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert columns([(text, "x"), ("y", text)])[1].endswith(shown)


@given(st.text())
def test_nothing_gets_past(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.splitlines() in ([shown], [])
    shown.encode()
