"""Grafana's dashboards: current, well-formed, and asking only for metrics that exist."""

import json
from pathlib import Path

import pytest
from plaudit_infra.grafana import dashboards, queries
from plaudit_infra.main import main

from tests.support.metric_names import known_names, named_in
from tests.support.services import ROOT

FOLDER = ROOT / "infra" / "grafana" / "dashboards"


def test_the_files_are_those_of_the_definition(tmp_path: Path) -> None:
    assert main(["grafana", "--output", str(tmp_path)]) == 0
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in FOLDER.iterdir()}, "run `plaudit grafana`"
    assert all(json.loads(text)["panels"] for text in written.values())


@pytest.mark.parametrize("name", dashboards())
def test_queries_name_metrics_that_exist(name: str) -> None:
    for query in queries(dashboards()[name]):
        assert named_in(query) <= known_names(), query
        assert named_in(query) or query.startswith("ALERTS"), query


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {name for board in dashboards().values() for query in queries(board) for name in named_in(query)}
    bases = {name.removesuffix("_bucket") for name in shown}
    wanted = {name for name in known_names() if ":" not in name and not name.endswith(("_sum", "_count"))}
    missing = {name.removesuffix("_bucket") for name in wanted} - bases
    assert missing == set(), "add it to plaudit_infra/grafana.yaml, then run `plaudit grafana`"
