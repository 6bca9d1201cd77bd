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
        pytest.param(("none.jsonl",), 1, "none.jsonl cannot be read", id="missing file, no format"),
        pytest.param(("none.jsonl", "--dry-run"), 1, "leave out --output", id="dry run with an output"),
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


ASPECTS = """
version: 1
applications:
  shop:
    - {name: helpfulness, kinds: [number], levels: [message], direction: higher_is_better}
    - {name: verbosity, kinds: [number], levels: [message], direction: neutral, minimum: 0, maximum: 4}
"""
CHATS = [
    {
        "messages": [{"role": "user", "content": "q\n\x9b"}, {"role": "assistant", "content": "a" * 300}],
        "n": n,
    }
    for n in range(5)
]


def test_a_dry_run_shows_ten_events_and_sends_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("chats.jsonl").write_text("\n".join(map(json.dumps, [*CHATS, {"messages": [{"role": "user"}]}])))
    assert main(["replay", "chats.jsonl", "--dry-run", "--bootstrap-servers", "127.0.0.1:1"]) == 0
    out = capsys.readouterr().out
    shown, _, rest = out.partition("format: ")
    lines = shown.splitlines()
    assert sum(line.startswith("  ") for line in lines) == 10
    assert sum(line.startswith("conversation ") for line in lines) == 3
    assert '  AddMessage: #1, user: "q\\n\\x9b"' in lines
    assert any(line.startswith('  AddMessage: #2 to #1, assistant: "aaa') for line in lines)
    assert max(map(len, lines)) < 200
    assert rest.startswith("openai-chat, since its records have messages with roles\n")
    assert "a dry run, nothing was sent: 5 records, 20 events" in rest
    assert "n (5), first on line 1" in rest
    assert "5 conversations have no rating and no comparison" in rest
    assert "--unrated-sft" in rest
    assert "1 records were refused\n  line 6: message 1, of role user, has no content" in rest
    assert sorted(path.name for path in Path().iterdir()) == ["chats.jsonl"]


def test_a_dry_run_refuses_what_kafka_would_not_get(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["q", "half \ud83d"]
    chats = [{"messages": [{"role": "user", "content": text}]} for text in texts]
    Path("chats.jsonl").write_text("\n".join(map(json.dumps, chats)))
    assert main(["replay", "chats.jsonl", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "1 records were refused\n  line 2: the event does not fit its schema: UnicodeEncodeError" in out


def test_a_dry_run_shows_every_kind_of_event(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        {"type": "AddMessage", "role": "assistant", "content": "a", "message_id": "m1"},
        {"type": "AddMessage", "role": "assistant", "content": "b", "message_id": "m2", "parent_id": ""},
        {"type": "CompareMessages", "candidates": ["m1", "m2"], "ranking": [["m2", "m1"]], "strength": 0.5},
        {"type": "UpdateMessage", "message_id": "m1", "feedback": {"aspect": "a", "kind": "thumb"}},
        {"type": "UpdateMessage", "feedback": {"aspect": "a", "value": {"kind": "thumb", "like": True}}},
        {"type": "UpdateMessage", "message_id": "m0", "feedback": {"aspect": "a", "kind": "text"}},
        {"type": "UpdateConversation", "consent": "denied"},
        {"type": "EraseConversation"},
    ]
    lines = [json.dumps({"conversation_id": "c", "body": body}) for body in events]
    Path("events.jsonl").write_text("\n".join(lines))
    assert main(["replay", "events.jsonl", "--dry-run"]) == 0
    out = capsys.readouterr().out
    for said in (
        "preference: #2 = #1, strength 0.5",
        "a of #1, thumb: withdrawn",
        'a of the conversation, thumb: {"like": true}',
        "a of m0, text: withdrawn",
        'UpdateConversation: consent "denied"',
        "EraseConversation: nothing more",
    ):
        assert f"{said}\n" in out


def test_ratings_of_undeclared_aspects_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rated.jsonl").write_text(
        json.dumps({"prompt": "q", "response": "a", "helpfulness": 1, "verbosity": 0})
    )
    assert replay("rated.jsonl") == 0
    assert "not declared: helpfulness (1), verbosity (1)" in capsys.readouterr().out
    Path("aspects.yaml").write_text(ASPECTS)
    monkeypatch.setenv("PLAUDIT_ASPECTS", "aspects.yaml")
    assert replay("rated.jsonl", "--application", "shop") == 0
    assert "not declared" not in capsys.readouterr().out


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
