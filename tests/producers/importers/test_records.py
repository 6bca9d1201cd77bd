"""Records remember which of their fields were read; what nobody read is reported by its path."""

import csv
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Chat, ReadRecord, json_file, unread_fields
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.outcome import describe_replay
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.run import replay_file
from plaudit_producers.testing import InMemoryProducer


def read(use: Callable[[Any], object], **fields: Any) -> list[str]:
    """What is unread after a use of a record."""
    record = parse_json(json.dumps(fields).encode())
    use(record)
    return list(unread_fields(record))


@pytest.mark.parametrize(
    ("use", "unread"),
    [
        pytest.param(lambda record: record["a"], ["b"], id="an item"),
        pytest.param(lambda record: record.get("a"), ["b"], id="get"),
        pytest.param(lambda record: record.pop("b"), ["a"], id="pop"),
        pytest.param(lambda record: record.items(), [], id="items"),
        pytest.param(lambda record: record.values(), [], id="values"),
        pytest.param(lambda record: record.copy(), [], id="copy"),
        pytest.param(lambda record: {**record}, [], id="unpacking"),
        pytest.param(dict, [], id="a dict of it"),
        pytest.param(deepcopy, [], id="deepcopy"),
        pytest.param(json.dumps, [], id="its JSON"),
        pytest.param(lambda record: record.skip("a"), ["b"], id="skip"),
        pytest.param(lambda record: "a" in record, ["a", "b"], id="in"),
        pytest.param(list, ["a", "b"], id="a loop over its keys"),
        pytest.param(lambda record: record.peek("a"), ["a", "b"], id="peek"),
    ],
)
def test_each_way_of_reading(use: Callable[[Any], object], unread: list[str]) -> None:
    assert read(use, a=1, b=2) == unread


def test_paths_of_every_level() -> None:
    fields = {
        "messages": [{"text": "x", "weight": 0}, {"text": "y", "weight": 1}],
        "meta": {"used": 1, "unused": {"deep": 1}},
        "by_id": {"k1": {"colour": "red"}, "k2": {"colour": "blue"}},
        "never": {"deep": 1},
    }

    def use(record: Any) -> None:
        for message in record["messages"]:
            message["text"]
        record["meta"]["used"]
        for _ in record["by_id"].values():
            pass

    assert read(use, **fields) == [
        "messages[].weight", "messages[].weight", "meta.unused", "by_id{}.colour", "by_id{}.colour", "never",
    ]  # fmt: skip


def test_what_says_nothing_is_not_missed() -> None:
    assert read(lambda _: None, a=None, b="", c=[], d={}, e=0, f=False) == ["e", "f"]


def test_rows_and_groups_have_no_name() -> None:
    rows = [ReadRecord([("x", "1")]), ReadRecord([("x", "2")])]
    rows[0]["x"]
    assert list(unread_fields((rows, {"turn": ReadRecord([("y", "3")])}))) == ["x", "y"]


def test_cells_beyond_the_header_are_told() -> None:
    (row,) = csv.DictReader(["a,b", "1,2,3,4"])
    assert list(unread_fields(ReadRecord(row.items()))) == ["a", "b", "(cells without a column)"]


def build(chat: Chat, record: Any) -> None:
    chat.add_message("user", record["text"])


def test_the_report_and_the_summary_name_them(tmp_path: Path) -> None:
    path, told = tmp_path / "file", tmp_path / "report"
    path.write_text(
        '{"text": "a"}\n{"text": "b", "stars": 5}\n{"text": "c", "stars": 0, "more": [1]}\n{"stars": 1}'
    )
    report = ImportReport(told)
    summary = replay_file(path, json_file("texts", build), InMemoryProducer(), report=report)
    shown = describe_replay(summary, report, "now", 1.0)
    assert (
        "2 fields of the file are not taken\n  stars (2), first on line 2\n  more (1), first on line 3"
        in shown
    )
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["refused", "not taken", "not taken"]
    assert lines[1] == {"line": 2, "outcome": "not taken", "field": "stars", "count": 2}


def test_a_dry_run_prints_all_names_and_a_report_has_those_that_are_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "chats"
    path.write_text(json.dumps([{"text": "q", **{f"f{number:02}": 1 for number in range(22)}}]))
    printed = []
    for report in (ImportReport(None), ImportReport(tmp_path / "report")):
        summary = replay_file(path, json_file("x", build), InMemoryProducer(), report=report)
        printed.append(describe_replay(summary, report, "now", 1, dry=report.path is None).splitlines())
    assert sum(line.startswith("  f") for line in printed[0]) == 22
    assert sum(line.startswith("  f") for line in printed[1]) == 20
    assert "  and 2 more" in printed[1]


def test_many_names_do_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("\n".join(json.dumps({"text": "a", f"key {n}": 1}) for n in range(1_100)))
    report = ImportReport(None)
    summary = replay_file(path, json_file("texts", build), InMemoryProducer(), report=report)
    assert report.fields["(other fields)"] == (100, 1_001)
    assert describe_replay(summary, report, "now", 1.0).count("first on line") == 20
