"""`plaudit label` and `plaudit review tasks` without Kafka: what they print, write and exit with."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.main import main
from plaudit_schemas.review.rubric import Rubric

from tests.producers.interchange.annotations import annotation, export_file, exported, result
from tests.producers.interchange.rubrics import ANSWERS, rubric, task

LEFT = result("best", "answer1,answer2", "pairwise", selected="left")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> int:
    try:
        return main([*words])
    except SystemExit as wrong:  # argparse
        assert isinstance(wrong.code, int)
        return wrong.code


def written(made: Rubric) -> str:
    """The file of a rubric. JSON is YAML, too."""
    Path("rubric.yaml").write_text(made.model_dump_json(exclude_defaults=True))
    return "rubric.yaml"


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]


def test_a_dry_run_shows_events_and_every_bad_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("v.csv").write_text(
        "conversation,message,aspect,value,rater\nc1,m1,tone,kind,ana\nc1,m1,tone,,ana\n"
    )
    assert run("label", "v.csv", "--application", "shop", "--dry-run") == 0
    told = capsys.readouterr().out
    assert 'tone of m1, label: {"labels": ["kind"]}' in told
    assert "a dry run, nothing was sent: 1 records, 1 events" in told
    assert "line 3: value is empty; fill it, or leave out the line" in told
    assert "format: csv, since its columns are those of verdicts" in told
    assert not list(Path().glob("*.jsonl"))


def test_a_dry_run_tells_where_more_bad_lines_are(capsys: pytest.CaptureFixture[str]) -> None:
    Path("v.csv").write_text("conversation,aspect,value\n" + "c1,tone,\n" * 22)
    assert run("label", "v.csv", "--application", "shop", "--rater", "ana", "--dry-run") == 1
    told = capsys.readouterr().out
    assert "  line 21: value is empty" in told
    assert "line 22" not in told
    assert "  and 2 more; --report FILE lists them all" in told
    assert run("label", "v.csv", "--application", "shop", "--dry-run", "--report", "r.jsonl") == 1
    assert len(Path("r.jsonl").read_text().splitlines()) == 22


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"conversation;aspect;value\nc1;tone;kind\n", "in the first line, separated by commas"),
        (
            "conversation,aspect,value\nc1,tone,kind\n".encode("utf-16"),
            "the file is UTF-16; save it as UTF-8",
        ),
        (b"", "the file holds nothing that tells its format"),
        (b"Conversation,Value\nc1,up\n", "whose first record has the fields Conversation, Value"),
        (b"PK\x03\x04", "the file is a zip archive"),
    ],
    ids=["semicolons", "UTF-16", "empty", "capitals", "a workbook"],
)
def test_a_file_that_no_format_knows_says_what_it_is(
    data: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("v.csv").write_bytes(data)
    assert run("label", "v.csv", "--application", "shop", "--rater", "ana", "--dry-run") == 1
    assert says in capsys.readouterr().err


ON_ASPECT = {"conversation": "c1", "aspect": "x", "value": True, "rater": "ana"}
ANSWERED = {"conversation": "c1", "message": "a1", "question": "good", "value": "up", "rater": "ana"}


@pytest.mark.parametrize(
    ("row", "words"),
    [(ON_ASPECT, ["--application", "shop"]), (ANSWERED, ["--rubric", "rubric.yaml"])],
    ids=["an aspect", "a question"],
)
def test_verdicts_are_events(
    row: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    written(rubric())
    Path("v.jsonl").write_text(json.dumps(row) + "\n")
    assert run("label", "v.jsonl", *words, "--output", "events.jsonl") == 0
    (first,) = events()
    assert (first["application"], first["source"], first["conversation_id"]) == ("shop", "import", "c1")
    assert run("label", "v.jsonl", *words, "--output", "events.jsonl") == 0
    assert [each["event_id"] for each in events()] == [first["event_id"]]
    assert "format: jsonl, since" in capsys.readouterr().out


def test_annotations_are_events_on_the_conversation_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    other = {"data": {"x": 1}, "annotations": [annotation(LEFT)]}
    bad = annotation(id=2)
    file = export_file(Path(), exported(task(ANSWERS), annotation(LEFT), bad), other)
    assert (
        run("label", str(file), "--people", "1=ana", "--output", "events.jsonl", "--report", "r.jsonl") == 0
    )
    assert [each["body"]["type"] for each in events()] == ["CompareMessages", "UpdateMessage"]
    assert events()[0]["body"]["rater"]["id"] == "ana"
    assert {each["conversation_id"] for each in events()} == {"c1"}
    reasons = [json.loads(line)["reason"] for line in Path("r.jsonl").read_text().splitlines()]
    assert "best needs an answer" in reasons[0]
    assert "only tasks that `plaudit review tasks` wrote" in reasons[1]
    assert "format: label-studio, since" in capsys.readouterr().out
    assert run("label", str(file), "--application", "other", "--output", "events.jsonl") == 1
    assert "is about a conversation of application shop, not of other" in capsys.readouterr().out


def test_an_argilla_file_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads((Path(__file__).parent / "argilla_sdk_records.json").read_text())
    for form in ("nested", "flat"):
        Path("records.json").write_text(json.dumps(made["pair"][form]))
        assert run("label", "records.json", "--output", "events.jsonl") == 0
        assert "CompareMessages" in {each["body"]["type"] for each in events()}
        assert "format: argilla, since" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("none.csv", "--dry-run"), 1, "none.csv cannot be read: No such file"),
        (("other.txt", "--dry-run"), 1, "no format knows this file; name one with --format: csv, jsonl"),
        (("other.txt", "--people", "1"), 1, "--people must be ID=PERSON pairs"),
        (("other.txt", "--people", "1=a,1=b"), 1, "each id once"),
        (("other.txt", "--rubric", "none.yaml"), 1, "the rubric none.yaml cannot be read"),
        (("other.txt", "--dry-run", "--output", "x"), 1, "leave out --output"),
        (("v.csv", "--dry-run"), 1, "give --application, or the rubric with --rubric"),
    ],
    ids=[
        "no file", "another file", "no pair", "a person twice", "no rubric", "a dry output", "no application"
    ],
)  # fmt: skip
def test_errors_say_what_to_do(
    words: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.txt").write_text("hello\n")
    Path("v.csv").write_text("conversation,value\nc1,up\n")
    assert run("label", *words) == code
    told = capsys.readouterr()
    assert says in told.err + told.out


def test_our_tasks_are_no_conversations_of_an_import(capsys: pytest.CaptureFixture[str]) -> None:
    file = export_file(Path(), exported(task(ANSWERS), annotation(LEFT)))
    assert run("replay", str(file), "--output", "events.jsonl") == 1
    assert "`plaudit label` sends its annotations to the conversation" in capsys.readouterr().out


def chats() -> str:
    """A file of one chat with two answers, and a line that is none."""
    said = [
        {"type": "AddMessage", "message_id": "q1", "role": "user", "content": "?", "parent_id": ""},
        {"type": "AddMessage", "message_id": "a1", "role": "assistant", "content": "yes", "parent_id": "q1"},
        {"type": "AddMessage", "message_id": "a2", "role": "assistant", "content": "no", "parent_id": "q1"},
    ]
    lines = [{"application": "shop", "conversation_id": "c1", "body": each} for each in said]
    Path("chats.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines) + "broken\n")
    return "chats.jsonl"


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ("label-studio", ["labelling-config.xml", "tasks.json"]),
        ("argilla", ["records.json", "settings.json"]),
    ],
    ids=["label studio", "argilla"],
)
def test_tasks_of_a_file(tool: str, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = tasks(rubric("answers"), "--format", tool)
    assert run(*words) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == files
    told = capsys.readouterr().out
    assert "1 tasks, 0 with suggestions" in told
    assert "1 records of the file were refused" in told
    assert "line 4: is not valid JSON" in told
    assert run(*words) == 1
    assert "exists; name another folder with --output" in capsys.readouterr().err


def test_a_file_without_what_the_rubric_names(capsys: pytest.CaptureFixture[str]) -> None:
    words = tasks(rubric("answers"), "--file-format", "plaudit-jsonl")
    lines = Path("chats.jsonl").read_text().splitlines()
    Path("chats.jsonl").write_text(f"{lines[0]}\n{lines[1]}\n")
    assert run(*words) == 1
    assert "nothing was written" in capsys.readouterr().out
    assert not Path("out").exists()


def test_no_more_tasks_than_asked_for() -> None:
    assert run(*tasks(rubric("answer"), "--limit", "1")) == 0
    assert len(json.loads(Path("out/tasks.json").read_text())) == 1


def tasks(made: Rubric, *words: str) -> list[str]:
    """The command that makes tasks of the file."""
    return ["review", "tasks", written(made), "--from", chats(), "--output", "out", *words]
