"""Rows of a snapshot that are found and read, by the command and by its parts."""

import json
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import ConditionError, SnapshotError
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.datasets.reading import message_text, readable
from plaudit_consumers.datasets.searching import FoundRow, RowSearch, find_rows, words_of
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK

from tests.consumers.live_root import Root, thumb, turn

_FORGED = "fine\nsft/train-00000.parquet row 9: acme/forged\x1b[2J\x9b31m\u202egnp\u2028.\r\nend"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    root = Root(folder / "root")
    for number in range(12):
        root.sft(f"c{number}", f"Question {number} on Żółw", f"answer {number}", minute=number)
    root.sft("forged", _FORGED, "漢字" * 60, minute=20, application="ac\x1bme")
    # One rater of two agrees: the other one is in the middle of the scale.
    middle = {"kind": "number", "number": 3.0, "minimum": 1.0, "maximum": 5.0}
    root.judged(
        "long",
        turn("q", "user", content="why"),
        turn("a", parent="q", content="x" * 9000 + "needle"),
        feedback=[thumb("a", False), thumb("a", None, rater="another") | middle],
        minute=21,
    )
    root.judged(
        "tools",
        turn("q", "user", content="dim it"),
        turn(
            "a",
            parent="q",
            content="",
            tool_calls=[{"id": "1", "name": "dim", "arguments": '{"percent": 30}'}],
        ),
        feedback=[thumb("a", True)],
        minute=22,
    )
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=folder / "snap'[shot]", shares=(1, 1, 1)))
    return folder / "snap'[shot]"


def _found(snapshot: Path, search: RowSearch) -> list[FoundRow]:
    return find_rows(snapshot, read_manifest(snapshot), search)


def _names(rows: list[FoundRow]) -> list[str]:
    return [row.columns["conversation_id"] for row in rows]


@pytest.mark.slow
def test_rows_come_in_the_order_of_the_files_and_in_pages(snapshot: Path) -> None:
    every = _found(snapshot, RowSearch("sft", limit=100))
    assert len(every) == 13
    order = [file.path for file in read_manifest(snapshot).files]
    places = [(order.index(row.file), row.number) for row in every]
    assert places == sorted(places)
    pages = [_found(snapshot, RowSearch("sft", limit=5, skip=skip)) for skip in (0, 5, 10, 15)]
    assert [row for page in pages for row in page] == every
    assert {row.split for row in every} == {"train", "validation", "test"}
    tests = _found(snapshot, RowSearch("sft", split="test", limit=100))
    assert tests == [row for row in every if row.split == "test"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("żółW QUESTION 3", ["c3"], id="any case"),
        pytest.param("Z\u0307o\u0301\u0142w question 4", ["c4"], id="any form of Unicode"),
        pytest.param("answer 11", ["c11"], id="of the answer"),
        pytest.param("question tortoise", [], id="all words"),
        pytest.param("漢字", ["forged"], id="in another script"),
        pytest.param("%", [], id="no pattern"),
    ],
)
def test_words_are_found(snapshot: Path, words: str, expected: list[str]) -> None:
    found = _names(_found(snapshot, RowSearch("sft", words=words_of(words), limit=100)))
    assert [name for name in found if name in expected or not expected] == expected
    assert len(found) <= 3


def test_words_are_found_in_tool_calls_and_whole_conversations(snapshot: Path) -> None:
    assert _names(_found(snapshot, RowSearch("sft_tools", words=("percent",)))) == ["tools"]
    assert _names(_found(snapshot, RowSearch("conversations", words=("percent",)))) == ["tools"]
    assert _found(snapshot, RowSearch("sft", words=("percent",))) == []


def test_conditions_are_over_the_columns_of_a_row(snapshot: Path) -> None:
    found = _found(snapshot, RowSearch("kto", where="agreement < 0.6 AND NOT label -- a comment"))
    assert _names(found) == ["long"]
    assert _names(_found(snapshot, RowSearch("kto", equal={"label": False, "application": "acme"}))) == [
        "long"
    ]
    assert _found(snapshot, RowSearch("kto", equal={"application": "o'ther"})) == []
    assert _found(snapshot, RowSearch("preference")) == []


@pytest.mark.parametrize(
    "where",
    [
        "frob = 1",
        "agreement <",
        "label); DROP TABLE x; SELECT (1",
        "(SELECT true FROM read_text('/etc/hosts'))",
    ],
    ids=["no column", "no SQL", "two statements", "another file"],
)
def test_a_condition_that_is_none_is_refused(snapshot: Path, where: str) -> None:
    with pytest.raises(ConditionError, match="--where"):
        _found(snapshot, RowSearch("kto", where=where))


def test_a_damaged_file_is_named(snapshot: Path, tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    root.sft("c", "q", "a")
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=tmp_path / "snap"))
    (path,) = (tmp_path / "snap" / "sft").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\0" * (len(data) // 2) + data[len(data) // 2 + 4 :])
    with pytest.raises(SnapshotError, match="cannot be read"):
        _found(tmp_path / "snap", RowSearch("sft"))
    path.write_bytes(b"PAR1")
    with pytest.raises(SnapshotError, match="cannot be read as Parquet"):
        _found(tmp_path / "snap", RowSearch("sft"))


def test_texts_can_neither_move_the_cursor_nor_forge_a_line(
    snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "show", str(snapshot), "--subset", "sft", "--text", "forged"]) == OK
    shown = capsys.readouterr().out
    assert all(char.isprintable() for char in shown.replace("\n", ""))
    lines = shown.splitlines()
    assert [line for line in lines if line.startswith(("sft/", "conversations/"))] == [lines[0]]
    assert "ac\\x1bme/forged" in lines[0]
    assert "\\u202egnp\\u2028." in shown
    # Wide characters take two cells each.
    assert max(len(line) + sum(char in "漢字" for char in line) for line in lines[1:]) <= 80


def test_long_texts_are_cut_and_say_so(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "show", str(snapshot), "--where", "agreement < 1", "--subset", "kto"]) == OK
    shown = capsys.readouterr().out
    assert "(5,006 more" in " ".join(shown.split())
    assert "label False" in shown
    assert "agreement 0.50" in shown


def test_rows_as_json_are_whole(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rows", "3", "--subset", "kto", "--where", "NOT label"]
    assert main(["datasets", "show", str(snapshot), *options, "--json"]) == OK
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["completion"][0]["content"].endswith("needle")


def test_a_limit_counts_the_rows_of_all_subsets(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "show", str(snapshot), "--rows", "20", "--json"]) == OK
    assert len(capsys.readouterr().out.splitlines()) == 20
    assert main(["datasets", "show", str(snapshot), "--text", "nothing-has-this"]) == OK
    assert "no row fits" in capsys.readouterr().out
    assert main(["datasets", "show", str(snapshot), "--rows", "0"]) == FAILED
    assert "--rows must be at least 1" in capsys.readouterr().err


def test_what_is_shown_of_a_message() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"name": "g", "arguments": "{}"}]
    assert message_text({"content": None, "tool_calls": calls}) == '-> f({"a": 1})\n-> g({})'
    assert readable("a\tb\u00a0c\u200dd\x00") == "a    b c\u200dd\\x00"
    assert readable("abc", 2) == "ab ... (1 more characters)"
