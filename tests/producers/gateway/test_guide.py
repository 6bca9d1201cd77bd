"""docs/gateway.md says what is so: its events are events, its settings, paths and statuses exist."""

import json
import re

import pytest
from plaudit_producers.gateway.http.app import DOCUMENT
from plaudit_producers.gateway.http.static_files import FILES
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.contract.json_form import record_of
from plaudit_schemas.contract.records import validate
from plaudit_schemas.settings import DATA_VARIABLE, variable_of
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.support.services import ROOT

GUIDE = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL),
    ids=lambda text: json.loads(text)["body"]["type"],
)
def test_its_events_are_events(text: str) -> None:
    record = record_of(json.loads(text))
    validate({"application": "shop", **record})


def test_its_settings_and_metrics_exist() -> None:
    classes = (GatewaySettings, ConnectionSettings)
    known = {variable_of(name) for each in classes for name in each.model_fields}
    assert set(re.findall(r"PLAUDIT_\w+", GUIDE)) <= known | {DATA_VARIABLE}
    assert set(re.findall(r"plaudit_gateway_\w+", GUIDE)) <= {metric.name for metric in GATEWAY_METRICS}


def test_its_paths_are_those_of_the_app() -> None:
    described = {path.replace("{conversation_id}", "{id}") for path in DOCUMENT["paths"]}
    table = GUIDE.partition("## Paths")[2].partition("##")[0]
    named = set(re.findall(r"`(?:(?:GET|POST) )?(/[^`]*)`", table))
    assert named == described | set(FILES) | {"/openapi.json"}


def test_its_statuses_are_those_that_events_may_get() -> None:
    responses = DOCUMENT["paths"]["/v1/events"]["post"]["responses"]
    table = GUIDE.partition("## What the answer to events means")[2].partition("##")[0]
    assert {int(text) for text in re.findall(r"\b([2-5]\d\d)\b", table)} == {int(text) for text in responses}
