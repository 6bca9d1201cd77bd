"""The Kafka Streams peers as far as no server is needed: commands, pins, and what is right output."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from plaudit_infra.servers.artifacts import pins_in
from plaudit_schemas.codec.wire import Decoder

from benchmarks.streams_output import Output, Tally, problems, tallies_of_log
from benchmarks.streams_peer import (
    EVENT_SCHEMA,
    MAIN_CLASSES,
    SOURCES,
    compiler_command,
    peer_command,
    peer_environment,
)
from harness.events import events

JAVA, JARS = Path("java"), [Path("a.jar"), Path("b.jar")]


def test_the_compiler_is_a_plain_jar() -> None:
    command = compiler_command(JAVA, Path("ecj.jar"), JARS, Path("classes"))
    assert command[:3] == ["java", "-jar", "ecj.jar"]
    assert command[-5:] == ["-d", "classes", "-cp", "a.jar:b.jar", str(SOURCES)]


@pytest.mark.parametrize("case", MAIN_CLASSES)
def test_each_case_has_a_class_with_a_main(case: str) -> None:
    command = peer_command(JAVA, case, JARS)
    assert command[-3:-1] == ["-cp", "a.jar:b.jar"]
    assert any(option.startswith("-Dorg.apache.avro.SERIALIZABLE_PACKAGES=") for option in command)
    source = SOURCES / f"{command[-1].rpartition('.')[2]}.java"
    assert "public static void main" in source.read_text(encoding="utf-8")


def test_the_environment_names_all_that_the_sources_require(tmp_path: Path) -> None:
    topics = {"events": "e", "finished": "f", "counters": "c"}
    given = {"PLAUDIT_BOOTSTRAP_SERVERS", *peer_environment("run", tmp_path, topics)}
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.glob("*.java")]
    required = {part.partition('"')[0] for text in texts for part in text.split('required("')[1:]}
    assert "BENCH_FINISHED" in required
    assert required <= given


def test_every_pinned_file_has_coordinates_and_a_checksum() -> None:
    pins = pins_in((SOURCES / "artifacts.yaml").read_text(encoding="utf-8"))
    assert set(pins) == {"streams", "compiler"}
    for artifact in [artifact for artifacts in pins.values() for artifact in artifacts]:
        assert all(artifact.coordinates()[:3])
        assert len(artifact.sha256) == 64


def _log() -> list[Any]:
    decoder = Decoder("conversation_event", sparse=True)
    return [decoder.decode(value) for _, value in events(2_000, open_conversations=20, start_us=1)]


def test_the_log_is_tallied_by_model_and_without_open_conversations() -> None:
    log = _log()
    tallies = tallies_of_log(log)
    ends = sum(event["body"][0].endswith("EndConversation") for event in log)
    messages = sum(event["body"][0].endswith("AddMessage") for event in log)
    assert set(tallies) == {"acme-large", "acme-small", "zeta-chat"}
    assert sum(tally.conversations for tally in tallies.values()) == ends > 50
    assert 0 < sum(tally.messages for tally in tallies.values()) < messages
    assert all(tally.answers * 2 == tally.messages for tally in tallies.values())
    assert all(0 < tally.likes + tally.dislikes <= tally.feedback for tally in tallies.values())


def _written(name: str, record: dict[str, Any]) -> bytes:
    named: dict[str, Any] = {}
    parse_schema(json.loads(EVENT_SCHEMA.read_text(encoding="utf-8")), named_schemas=named)
    schema = parse_schema(json.loads((SOURCES / name).read_text(encoding="utf-8")), named_schemas=named)
    out = BytesIO()
    schemaless_writer(out, schema, record)
    return out.getvalue()


def _finished(model: str) -> bytes:
    message = {"message_id": "a0", "content": "Grüezi", "role": "assistant"}
    return _written(
        "conversation.avsc",
        {
            "application": "bench", "conversation_id": "c", "model": {"id": model}, "started_at": 1,
            "ended_at": 2, "end_reason": "closed", "answers": 1, "latency_ms": 30, "likes": 0, "dislikes": 0,
            "messages": [message, message], "feedback": [],
        },
    )  # fmt: skip


def test_finished_conversations_are_tallied_and_repeated_ones_counted() -> None:
    records = [(b"c1", _finished("large")), (b"c2", _finished("small")), (b"c2", _finished("small"))]
    tallies, repeated = Output().tallies_of_finished(records)
    assert tallies == {
        "large": Tally(conversations=1, messages=2, answers=1, latency_ms=30),
        "small": Tally(conversations=2, messages=4, answers=2, latency_ms=60),
    }
    assert repeated == 1


def test_the_last_counters_of_each_partition_are_added() -> None:
    def counters(conversations: int) -> bytes:
        tally = Tally(conversations, messages=10 * conversations)
        return _written("counters.avsc", {"model": "large", **tally._asdict()})

    records = [(b"large/0", counters(1)), (b"large/1", counters(2)), (b"large/0", counters(5))]
    assert Output().tallies_of_counters(records) == {"large": Tally(7, messages=70)}


@pytest.mark.parametrize(
    ("finished", "repeated", "counters", "said"),
    [
        ({"large": Tally(2)}, 0, {"large": Tally(3)}, "finished conversations of 'large'"),
        ({"large": Tally(3)}, 1, {"large": Tally(3)}, "1 finished conversations came more than once"),
        ({"large": Tally(3)}, 0, {}, "counters of 'large' come to None"),
        ({"large": Tally(3), "x": Tally(1)}, 0, {"large": Tally(3)}, "of 'x' come to"),
    ],
    ids=["one is missing", "one is repeated", "nothing was counted", "an unknown model"],
)
def test_wrong_output_is_said(
    finished: dict[str, Tally], repeated: int, counters: dict[str, Tally], said: str
) -> None:
    [sentence] = problems({"large": Tally(3)}, finished, repeated, counters)
    assert said in sentence


def test_right_output_has_no_problem() -> None:
    assert problems({"large": Tally(3)}, {"large": Tally(3)}, 0, {"large": Tally(3)}) == []
