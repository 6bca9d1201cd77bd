"""`plaudit replay` without Kafka: what it prints, refuses and exits with."""

import json
from pathlib import Path

import pytest
from plaudit_infra.main import main


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def replay(*arguments: str) -> int:
    try:
        return main(["replay", *arguments, "--output", "events.jsonl"])
    except SystemExit as wrong:  # argparse
        assert isinstance(wrong.code, int)
        return wrong.code


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(
            ("none.jsonl", "--format", "oasst"),
            1,
            "none.jsonl cannot be read: No such file",
            id="missing file",
        ),
        pytest.param((".", "--format", "oasst"), 1, ". cannot be read: Is a directory", id="folder"),
        pytest.param(("none.jsonl", "--format", "oast"), 1, "did you mean oasst", id="unknown format"),
        pytest.param(
            ("none.jsonl", "--format", "oasst", "--tag", "licence"), 1, "NAME=VALUE", id="tag without a value"
        ),
        pytest.param(
            ("none.jsonl", "--format", "oasst", "--application", "a b"),
            1,
            "application",
            id="application with a blank",
        ),
        pytest.param(
            ("none.jsonl", "--format", "oasst", "--rate", "0"), 2, "must be above 0", id="rate of zero"
        ),
        pytest.param(
            ("none.jsonl", "--format", "oasst", "--rate", "fast"), 2, "invalid rate value", id="rate in words"
        ),
        pytest.param(
            ("none.jsonl", "--format", "oasst", "--limit", "0"), 2, "must be 1 or more", id="limit of zero"
        ),
        pytest.param(("none.jsonl",), 2, "--format", id="no format"),
    ],
)
def test_errors_are_one_line(
    arguments: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(*arguments) == code
    told = capsys.readouterr().err
    assert says in told
    assert "unexpected" not in told


def test_a_file_without_a_good_record_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_bytes(b"nothing\n\xff\xfe\n")
    assert replay("bad.jsonl", "--format", "oasst") == 1
    assert "2 records were refused, see bad.jsonl.refused.jsonl" in capsys.readouterr().out
    assert len(Path("bad.jsonl.refused.jsonl").read_text().splitlines()) == 2


def test_some_bad_records_do_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    good = json.dumps({"instruction": "q", "output": ["a", "b"]})
    Path("some.jsonl").write_text(f"{good}\nnothing\n{good}\n")
    arguments = ("some.jsonl", "--format", "oasst", "--consent", "granted", "--tag", "licence=MIT")
    assert replay(*arguments, "--report", "told") == 0
    out = capsys.readouterr().out
    assert "training subsets" not in out
    assert "2 records, 12 events" in out
    assert "1 records were refused, see told" in out
    first = json.loads(Path("events.jsonl").read_text().splitlines()[0])["body"]
    assert (first["consent"], first["tags"]) == ("granted", {"licence": "MIT"})


def test_without_consent_it_tells_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.jsonl").write_text(json.dumps({"instruction": "q", "output": ["a"]}))
    assert replay("one.jsonl", "--format", "oasst") == 0
    assert "stays out of training subsets" in capsys.readouterr().out


def test_an_interrupt_tells_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("plaudit_producers.importers.run.replay_file", interrupted)
    assert replay("one.jsonl", "--format", "oasst") == 130
    assert "start it again" in capsys.readouterr().err


def test_an_empty_file_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.jsonl").write_bytes(b"")
    assert replay("empty.jsonl", "--format", "oasst") == 0
    assert "0 records, 0 events" in capsys.readouterr().out


def test_what_cannot_be_read_to_its_end_fails(capsys: pytest.CaptureFixture[str]) -> None:
    good = json.dumps({"instruction": "q", "output": ["a"]})
    Path("cut.json").write_text(f"[{good}, {good[:10]}")
    assert replay("cut.json", "--format", "oasst") == 1
    assert "could not be read to its end" in capsys.readouterr().out
