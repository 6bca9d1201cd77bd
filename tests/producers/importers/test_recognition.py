"""A file's format is recognised from its first records."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.importers import Format, Recognised, Sample, Source, find_format, formats, has_fields
from plaudit_producers.importers.recognition import read_sample, recognise_format
from plaudit_producers.importers.run import replay_file
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.errors import NotFoundError, SettingsError

from tests.producers.importers.test_shared_data import FILES
from tests.support.services import shared_data

MESSAGES = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
RECORDS: dict[str, Any] = {
    "openai-chat": {"messages": MESSAGES, "label": True},
    "sharegpt": {"conversations": [{"from": "human", "value": "q"}], "chosen": "a", "rejected": "b"},
    "openai-preference": {
        "input": {"messages": MESSAGES},
        "preferred_output": [],
        "non_preferred_output": [],
    },
    "oasst": {"instruction": "q", "output": ["a", "b"]},
    "hh-rlhf": {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
    "multi-aspect": {"prompt": "q", "response": "a", "clarity": 3, "depth": 2.5},
    "plaudit-jsonl": {"conversation_id": "c", "body": {"type": "EndConversation"}},
}
TRL: dict[str, Any] = {
    "a pair of texts": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "a pair of messages": {"prompt": MESSAGES[:1], "chosen": MESSAGES[1:], "rejected": MESSAGES[1:]},
    "a pair with its prompt within": {"chosen": MESSAGES, "rejected": MESSAGES},
    "a labelled answer": {"prompt": "q", "completion": "a", "label": True},
    "an answer with numbers": {"prompt": "q", "completion": "a", "label": 1, "score": 0.5},
    "a demonstration": {"prompt": "q", "completion": "a"},
    "a pair with the chosen chat once more": {
        "prompt": "q",
        "chosen": MESSAGES,
        "rejected": MESSAGES,
        "messages": MESSAGES,
    },
}
CASES = {
    "openai_tool_calls": "openai-chat",
    "trl_tool_calls": "openai-chat",
    "openai_chat_with_label": "openai-chat",
    "user_without_content": "openai-chat",
    "trl_preference": "trl",
    "openai_preference": "openai-preference",
    "sharegpt_with_kto_tag": "sharegpt",
    "multi_aspect_ratings": "multi-aspect",
}


def recognised(content: bytes) -> str:
    return recognise_format(Source(io.BytesIO(content)))[0].name


@pytest.mark.parametrize(
    ("record", "name"),
    [pytest.param(record, name, id=name) for name, record in RECORDS.items()]
    + [pytest.param({"conversations": MESSAGES}, "sharegpt", id="sharegpt with role and content")]
    + [pytest.param(record, "trl", id=f"trl, {what}") for what, record in TRL.items()],
)
def test_one_record_is_enough(record: Any, name: str) -> None:
    line = json.dumps(record).encode()
    assert recognised(line) == name
    assert recognised(gzip.compress(line + b"\n" + line)) == name
    if name not in ("hh-rlhf", "plaudit-jsonl"):
        assert recognised(json.dumps([record], indent=2).encode()) == name


@pytest.mark.parametrize("name", FILES)
def test_the_public_data_sets(name: str) -> None:
    with shared_data(FILES[name]).open("rb") as stream:
        assert recognise_format(Source(stream))[0].name == name


@pytest.mark.parametrize("case", CASES)
def test_the_cases(case: str) -> None:
    assert recognised(shared_data(f"../cases/{case}.jsonl").read_bytes()) == CASES[case]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(
            b'{"text": "x"}\n{"text": "y"}', "first record has the fields text; name one", id="fields"
        ),
        pytest.param(
            b"hello,world\n1,2", "first record has the fields hello, world; name one", id="another table"
        ),
        pytest.param(b"words", "no format knows this file", id="words"),
        pytest.param(b"", "the file holds nothing that tells", id="nothing"),
        pytest.param(b"[]", "the file holds nothing that tells", id="an empty array"),
        pytest.param(b'["a", 1]', "no format knows this file", id="values without fields"),
        pytest.param(b"\n  \n", "the file holds nothing that tells", id="blank lines"),
        pytest.param(b'{"a": {"content": 3}}', "no format knows this file", id="almost Topical-Chat"),
        pytest.param(
            b'{\n"messages": [],\n"n": 1}',
            "one object with the fields messages, n, and no array",
            id="one record",
        ),
        pytest.param("[]".encode("utf-16"), "UTF-16; save it as UTF-8", id="UTF-16"),
        pytest.param('{"messages": "é"}'.encode("latin-1"), "not UTF-8 .its byte 15.", id="Latin-1"),
        pytest.param(b"PK\x03\x04conversations.json", "a zip archive; unpack it", id="a zip archive"),
        pytest.param(b"PAR1\x15", "Parquet; save it as JSON lines", id="Parquet"),
        pytest.param(gzip.compress(b"{}")[:6], "its gzip data is cut after byte", id="a gzip that is cut"),
    ],
)
def test_a_file_that_no_format_knows(content: bytes, says: str) -> None:
    with pytest.raises(NotFoundError, match=says):
        recognised(content)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({}, id="an empty object"),
        pytest.param({"chosen": None}, id="a null"),
        pytest.param({"conversations": [{"from": "human"}]}, id="a turn without a text"),
        pytest.param({"prompt": None, "messages": [{"content": "q"}]}, id="a message without a role"),
    ],
)
def test_a_bad_record_among_the_first_does_not_hide_the_format(name: str, bad: Any) -> None:
    lines = [json.dumps(record) for record in (bad, RECORDS[name], RECORDS[name])]
    form, reason = recognise_format(Source(io.BytesIO("\n".join(lines).encode())))
    assert form.name == name
    assert reason.endswith(" (2 of the first 3)")
    with pytest.raises(NotFoundError):  # of half of the records only
        recognised("\n".join(lines[:2]).encode())


@pytest.mark.parametrize(
    "first", [pytest.param('{"messages": [', id="cut"), pytest.param("{x}", id="no JSON")]
)
def test_a_first_line_that_is_broken_does_not_hide_the_format(first: str) -> None:
    lines = [first, *[json.dumps(RECORDS["openai-chat"])] * 2]
    assert recognised("\n".join(lines).encode()) == "openai-chat"


def test_a_bad_record_does_not_give_the_file_to_a_format_that_asks_for_less() -> None:
    lines = [json.dumps(record) for record in [*[RECORDS["hh-rlhf"]] * 4, {"chosen": None, "rejected": "b"}]]
    assert recognised("\n".join(lines).encode()) == "hh-rlhf"  # all five have the fields of trl


def test_records_of_two_kinds_of_one_format_are_that_format() -> None:
    lines = [json.dumps(TRL[kind]) for kind in ("a pair of texts", "a labelled answer")]
    assert recognised("\n".join(lines).encode()) == "trl"


def _never(_: Any, __: Any) -> Any:
    raise AssertionError


def test_formats_that_know_a_file_equally_well_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(sample: Sample) -> Recognised | None:
        raise KeyError(sample.shape)

    installed = {
        "one": Format("one", "", _never, has_fields("text", confidence=0.7)),
        "two": Format("two", "", _never, has_fields("text", "more", confidence=0.7)),
        "weaker": Format("weaker", "", _never, has_fields("text")),
        "not this": Format("not this", "", _never, has_fields("text", confidence=0.9, without=("more",))),
        "broken": Format("broken", "", _never, stumbles),
        "silent": Format("silent", "", _never),
    }
    monkeypatch.setattr("plaudit_producers.importers.recognition.formats", lambda: installed)
    with pytest.raises(
        SettingsError, match="one: its records have text; two: its records have text and more"
    ):
        recognised(b'{"text": "x", "more": 1}')
    assert recognised(b'{"text": "x"}') == "not this"


def test_every_format_of_the_package_is_recognised_by_something() -> None:
    assert [name for name, form in formats().items() if form.recognises is None] == []


def test_the_import_begins_with_the_first_record(tmp_path: Path) -> None:
    path = tmp_path / "chats"
    lines = [json.dumps({"messages": [{"role": "user", "content": f"{n}"}]}) for n in range(50)]
    path.write_text("\n".join(lines))
    producer = InMemoryProducer()
    summary = replay_file(path, None, producer)
    assert (summary.format, summary.records) == ("openai-chat", 50)
    named = InMemoryProducer()
    replay_file(path, find_format("openai-chat"), named)
    assert [event.event_id for event in producer.events] == [event.event_id for event in named.events]


@pytest.mark.parametrize(
    ("content", "shape", "count"),
    [
        pytest.param(b'{"a": 1}\n{"a": 2}', "lines", 2, id="lines"),
        pytest.param(b'{"a": 1}\n\nno json\n{"a": 2}', "lines", 2, id="lines with a bad one"),
        pytest.param(b"\n [1, 2,\n3]", "array", 3, id="array"),
        pytest.param(b'{"a": 1,\n "b": 2}', "object", 2, id="object of several lines"),
        pytest.param(b"a,b\n1,2\n3,4", "table", 2, id="table"),
        pytest.param(b"words", "text", 1, id="words"),
        pytest.param(b'{"a": 1}\n' * 90, "lines", 20, id="many lines"),
    ],
)
def test_samples(content: bytes, shape: str, count: int) -> None:
    sample = read_sample(Source(io.BytesIO(content)))
    assert (sample.shape, len(sample.records)) == (shape, count)


@pytest.mark.parametrize("form", ["lines", "array", "object"])
def test_a_first_record_that_is_long_is_still_seen(form: str) -> None:
    value = json.dumps({"text": "x" * (3 << 20)})
    content = {"lines": f"{value}\n{value}", "array": f"[{value}]", "object": f'{{"key":\n{value}}}'}[form]
    sample = read_sample(Source(io.BytesIO(content.encode())))
    assert sample.shape == form
    assert sample.records
