"""Large JSON files element by element: any value, any cut between chunks, damage that stays local."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_producers.importers.json_scanner import Member, scan_json
from plaudit_producers.importers.model import BadRecord

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def pieces(data: bytes, size: int) -> Callable[[int], bytes]:
    """A reader that gives few bytes at a time, whatever is asked for."""
    stream = BytesIO(data)
    return lambda _: stream.read(size)


def values(text: bytes, *, keyed: bool = False, size: int = 3) -> list[Any]:
    return [
        item.value if isinstance(item, Member) else item.reason
        for item in scan_json(pieces(text, size), keyed=keyed)
    ]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 2]), st.booleans())
def test_an_array_gives_its_elements(
    document: list[Any], size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert values(text, size=size) == document


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=5), st.integers(1, 9), st.sampled_from([None, 1]))
def test_an_object_gives_its_members(document: dict[str, Any], size: int, indent: int | None) -> None:
    text = json.dumps(document, indent=indent).encode()
    assert values(text, keyed=True, size=size) == list(document.items())


def test_places_are_records_and_lines() -> None:
    text = b'\n[\n  1,\n  {"a":\n "b"},\n\n  "\\n"]\n'
    items = list(scan_json(pieces(text, 2)))
    assert [(item.place.number, item.place.line) for item in items] == [(1, 3), (2, 4), (3, 7)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"  [ ]  ", [], id="empty array"),
        pytest.param(b"[1, nul, 3]", [1, "is not valid JSON", 3], id="broken value"),
        pytest.param(b"[1, , 3]", [1, "a value is missing", 3], id="missing value"),
        pytest.param(b"[1, 2,]", [1, 2, "a value is missing"], id="comma at the end"),
        pytest.param(b'[1, "\xff", 3]', [1, "not valid UTF-8", 3], id="broken utf-8"),
        pytest.param(b'["a\x01b"]', ["a\x01b"], id="control character"),
        pytest.param(b'[1, "never ends', [1, "the file ends within a value"], id="string that never ends"),
        pytest.param(b"[1, [2", [1, "the file ends within a value"], id="array that never ends"),
        pytest.param(b"[1} ", [1, "is followed by }"], id="closed by a brace"),
        pytest.param(b"[1] 2", [1, "something follows"], id="something after the end"),
        pytest.param(b"17", ["no JSON array"], id="number"),
        pytest.param(b'{"a": 1}', ["no JSON array"], id="object"),
        pytest.param(
            b"[" + b"[" * 100_000 + b"]" * 100_000 + b", 2]", ["nested too deeply", 2], id="nested too deeply"
        ),
    ],
)
def test_damage_is_told_and_stays_local(text: bytes, expected: list[Any]) -> None:
    found = values(text, size=1 << 12)
    assert len(found) == len(expected)
    for value, wanted in zip(found, expected, strict=True):
        assert value == wanted or (isinstance(wanted, str) and wanted in value)


def test_a_member_without_a_key_is_bad() -> None:
    assert values(b'{"a": 1, 2, "b": 3}', keyed=True)[1].startswith("is not valid JSON")
    assert values(b'{"a": 1, "b": 3}', keyed=True) == [("a", 1), ("b", 3)]


def test_a_value_too_long_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_producers.importers.json_scanner.RECORD_BYTES", 1000)
    items = list(scan_json(pieces(b'[1, "' + b"x" * 5000 + b'", 2]', 64)))
    assert isinstance(items[1], BadRecord)
    assert items[1].rest_unread
    assert "longer than 1000" in items[1].reason
