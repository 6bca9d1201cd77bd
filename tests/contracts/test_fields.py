"""Fields that are named in several places: whoever adds one is told where it is missing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from plaudit_consumers.dashboard.history import CHARTED
from plaudit_producers.sdk import bodies
from plaudit_schemas.codec.avro_types import named_types
from plaudit_schemas.codec.catalog import schema_text
from plaudit_schemas.contract.events import AddMessage, CompareMessages, StartConversation, UpdateConversation
from plaudit_schemas.contract.feedback import Feedback
from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.contract.log_checks import _LARGEST, check_body
from plaudit_schemas.errors import InvalidEventError
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.support.services import ROOT

ENVELOPE = set(bodies.EventOptions.__annotations__)
POSITIONAL = {
    "MessageOptions": {"role", "content"},
    "CompareOptions": {"candidates", "ranking"},
    "FeedbackOptions": {"aspect", "value", "kind", "signal"},
}


@pytest.mark.parametrize(
    ("options", "model"),
    [
        pytest.param(bodies.ConversationFields, StartConversation, id="start"),
        pytest.param(bodies.UpdateOptions, UpdateConversation, id="update"),
        pytest.param(bodies.MessageOptions, AddMessage, id="message"),
        pytest.param(bodies.CompareOptions, CompareMessages, id="compare"),
        pytest.param(bodies.FeedbackOptions, Feedback, id="feedback"),
    ],
)
def test_the_sdk_has_a_keyword_for_every_field(options: Any, model: type[BaseModel]) -> None:
    given = set(options.__annotations__) - ENVELOPE
    fields = {"feedback_id" if name == "id" and model is Feedback else name for name in model.model_fields}
    assert given == fields - POSITIONAL.get(options.__name__, set()), "add it in sdk/bodies.py"


def _ids(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if "list" not in str(field.annotation) and _longest(field) == ID_CHARACTERS:
            yield name


def _longest(field: FieldInfo) -> int | None:
    found = re.search(r"max_length=(\d+)", f"{field.metadata} {field.annotation}")
    return int(found[1]) if found else None


@pytest.mark.parametrize("model", [StartConversation, UpdateConversation, AddMessage, CompareMessages])
def test_the_fold_limits_every_id(model: type[BaseModel]) -> None:
    names = set(_ids(model))
    assert names - {"aspect"} - set(_LARGEST) == set(), "add it in contract/log_checks.py"
    for name in names - {"aspect"}:
        with pytest.raises(InvalidEventError, match=name):
            check_body({name: "x" * (ID_CHARACTERS + 1)}, 1000)


def test_what_a_start_says_is_kept_in_the_finished_conversation() -> None:
    event = named_types(json.loads(schema_text("conversation_event")))
    finished = json.loads(schema_text("finished_conversation"))
    started = {field["name"] for field in event["StartConversation"]["fields"]}
    assert started - {field["name"] for field in finished["fields"]} == set(), "add it to the schema"


def test_server_and_page_keep_the_same_figures_for_charts() -> None:
    static = ROOT / "consumers" / "plaudit_consumers" / "dashboard" / "static" / "store.js"
    listed = re.search(r"CHARTED = new Set\(\[(.*?)\]\)", static.read_text(), re.DOTALL)
    assert listed is not None
    # The page reads the number of answers of a point from the coverage.
    assert set(re.findall(r'"(\w+)"', listed[1])) == CHARTED - {"messages_assistant"}
