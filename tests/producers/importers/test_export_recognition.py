"""The exports of other tools are recognised from one record each, in every shape that they come in."""

import io
import json
from typing import Any

import pytest
from plaudit_producers.importers import Source
from plaudit_producers.importers.recognition import recognise_format
from plaudit_schemas.errors import NotFoundError

from tests.support.services import shared_data

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
NODE: dict[str, Any] = {"id": "a", "parent": None, "children": [], "message": None}
MESSAGE = {"message_id": "a", "parent_id": None, "text": "q", "role": "prompter"}
OBSERVATION = {"id": "g", "traceId": "t", "type": "GENERATION", "startTime": "2024-01-02"}
TRACE = {"id": "t", "timestamp": "2024-01-02", "input": "q", "output": "a", "userId": "u", "sessionId": None}
SCORE = {"id": "s", "traceId": "t", "name": "ok", "dataType": "BOOLEAN", "value": 1, "source": "API"}
RUN = {"id": "t", "run_type": "llm", "inputs": {"messages": TURNS}, "outputs": {}, "trace_id": "t"}
FEEDBACK = {"id": "f", "key": "ok", "run_id": "t", "score": 1, "feedback_source": {"type": "api"}}

RECORDS: dict[str, list[tuple[str, Any]]] = {
    "arena-battles": [
        ("two conversations", {"winner": "tie", "conversation_a": TURNS, "conversation_b": TURNS}),
        ("two lists", {"prompt": "[]", "response_a": "[]", "response_b": "[]", "winner_model_a": 1}),
    ],
    "argilla": [
        ("nested", {"id": "r", "fields": {"text": "q"}, "responses": {}, "suggestions": {}, "metadata": {}}),
        ("flattened", {"id": "r", "prompt": "q", "response": "a", "rating.responses": [1],
                       "rating.responses.users": ["u"]}),
    ],
    "chatgpt-export": [
        ("a conversation", {"title": "T", "mapping": {"a": NODE}}),
        ("wrapped", {"conversations": [{"title": "T", "mapping": {"a": NODE}}]}),
    ],
    "label-studio": [
        ("a task", {"id": 1, "data": {"prompt": "q"}, "annotations": [], "predictions": []}),
        ("a whole task", {"id": 1, "data": {"prompt": "q"}, "annotations": [], "meta": {}, "drafts": []}),
        ("a row", {"prompt": "q", "id": 1, "annotator": 1, "annotation_id": 2}),
    ],
    "langfuse": [
        ("a trace", TRACE), ("an observation", OBSERVATION), ("a score", SCORE),
        ("a trace with its parts", {"id": "t", "name": "qa", "observations": [], "scores": []}),
        ("of the API", {"data": [TRACE], "meta": {"page": 1}}),
        ("of blob storage", {"trace_id": "t", "name": "ok", "data_type": "BOOLEAN", "source": "API"}),
    ],
    "langsmith": [("a run", RUN), ("feedback", FEEDBACK), ("wrapped", {"runs": [RUN]})],
    "oasst-trees": [
        ("a tree", {"message_tree_id": "t", "prompt": {**MESSAGE, "replies": []}}), ("a message", MESSAGE),
    ],
    "openwebui": [
        ("feedback", {"id": "f", "data": {"rating": 1}, "meta": {"chat_id": "c"}, "snapshot": {}}),
        ("a chat", {"id": "c", "chat": {"history": {"messages": {}}}}),
    ],
    "wildchat": [
        ("of WildChat", {"conversation_hash": "h", "conversation": TURNS, "model": "m"}),
        ("without an id", {"conversation": TURNS}),
    ],
}  # fmt: skip


def recognised(content: bytes) -> str:
    return recognise_format(Source(io.BytesIO(content)))[0].name


@pytest.mark.parametrize(
    ("record", "name"),
    [
        pytest.param(record, name, id=f"{name}, {what}")
        for name, records in RECORDS.items()
        for what, record in records
    ],
)
def test_one_record_is_enough(record: Any, name: str) -> None:
    line = json.dumps(record).encode()
    assert recognised(line) == name
    if not any(key in record for key in ("conversations", "runs")) and record.get("data") != [TRACE]:
        assert recognised(line + b"\n" + line) == name
        assert recognised(json.dumps([record], indent=1).encode()) == name
    else:
        assert recognised(json.dumps(record, indent=1).encode()) == name


@pytest.mark.parametrize(
    ("records", "name"),
    [
        pytest.param([TRACE, SCORE, OBSERVATION], "langfuse", id="langfuse"),
        pytest.param([FEEDBACK, RUN], "langsmith", id="langsmith"),
    ],
)
def test_kinds_of_records_may_be_mixed(records: list[Any], name: str) -> None:
    assert recognised(json.dumps(records).encode()) == name


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("arena_battles.jsonl", "arena-battles"),
        ("chatgpt_export.json", "chatgpt-export"),
        ("labelstudio_pairwise.json", "label-studio"),
        ("openwebui_feedback.json", "openwebui"),
    ],
    ids=["a battle", "a conversation", "a task", "a vote"],
)
def test_the_cases(case: str, name: str) -> None:
    assert recognised(shared_data(f"../cases/{case}").read_bytes()) == name


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"mapping": {"a": {"id": "a"}}}, id="a mapping of other things"),
        pytest.param({"winner": "tie", "conversation_a": TURNS}, id="half a battle"),
        pytest.param({"conversation": [{"speaker": "x"}]}, id="a conversation of other turns"),
        pytest.param({"id": "c", "chat": {"title": "T"}}, id="a chat without messages"),
        pytest.param({"id": 1, "data": {"text": "q"}}, id="a task without annotations"),
        pytest.param({"id": "t", "timestamp": "2024-01-02"}, id="hardly a trace"),
        pytest.param({**MESSAGE, "role": "user"}, id="a message by a user"),
        pytest.param({"fields": {"text": "q"}, "id": "r"}, id="fields alone"),
    ],
)
def test_what_looks_alike_is_not_taken(record: Any) -> None:
    with pytest.raises(NotFoundError, match="no format knows this file"):
        recognised(json.dumps([record]).encode())
