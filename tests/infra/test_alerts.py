"""The alert rules: rendered from one definition, unit-tested by the real promtool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from plaudit_infra.commands.alerts import rules_text
from plaudit_infra.main import main
from plaudit_schemas.alerts import definitions, prometheus_rules, seconds
from plaudit_schemas.errors import NotFoundError

from tests.support.metric_names import known_names, named_in
from tests.support.prometheus import program
from tests.support.services import ROOT

FOLDER = ROOT / "infra" / "prometheus"
FILES = {"production": "rules.yml", "demo": "rules.demo.yml"}


def _promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("profile", FILES)
def test_the_rule_files_are_those_of_the_definitions(profile: str) -> None:
    assert (FOLDER / FILES[profile]).read_text(encoding="utf-8") == rules_text(profile), (
        "run `plaudit alerts`"
    )


@pytest.mark.parametrize("profile", FILES)
def test_prometheus_takes_the_rules_and_the_configuration(profile: str) -> None:
    done = _promtool("check", "rules", FOLDER / FILES[profile])
    assert done.returncode == 0, done.stdout + done.stderr
    done = _promtool("check", "config", FOLDER / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_do_what_they_should() -> None:
    done = _promtool("test", "rules", FOLDER / "rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (FOLDER / "rules.test.yml").read_text(encoding="utf-8")
    assert {alert.alert for alert in definitions().alerts if alert.alert not in text} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "wrong"),
    [('window="1h"', 'window="5h"'), (">= 50", ">= 5000"), ("> 0.3", "> 3"), ("> 4.0", "> 0.5")],
    ids=["window", "votes", "fall", "sigmas"],
)
def test_a_wrong_limit_is_seen(tmp_path: Path, limit: str, wrong: str) -> None:
    shutil.copy(FOLDER / "rules.test.yml", tmp_path)
    text = (FOLDER / "rules.yml").read_text(encoding="utf-8")
    assert limit in text
    (tmp_path / "rules.yml").write_text(text.replace(limit, wrong), encoding="utf-8")
    assert _promtool("test", "rules", tmp_path / "rules.test.yml").returncode != 0


@pytest.mark.parametrize("profile", FILES)
def test_every_rule_names_metrics_that_exist_and_nothing_is_left_to_fill(profile: str) -> None:
    for rule in prometheus_rules(profile)["groups"][0]["rules"]:
        assert named_in(rule["expr"]) <= known_names(), rule
        assert "$" not in rule["expr"], rule
        texts = rule.get("annotations", {}).values()
        assert not [text for text in texts if re.search(r"\$(?!labels|value)", text)], rule


def test_an_unknown_metric_is_seen() -> None:
    found = named_in('sum(rate(plaudit_evnts_total[5m])) + plaudit_ready{job="plaudit-worker"}')
    assert found - known_names() == {"plaudit_evnts_total"}


def test_every_alert_has_a_runbook_of_several_steps() -> None:
    for alert in definitions().alerts:
        assert len(alert.runbook) >= 2, alert.alert
        assert all(step.endswith(".") for step in alert.runbook), alert.alert


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--profile", "demo"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed) == prometheus_rules("demo")
    assert main(["alerts", "--profile", "demo", "--output", str(tmp_path / "rules.yml")]) == 0
    assert (tmp_path / "rules.yml").read_text(encoding="utf-8") == printed


def test_an_unknown_profile_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "--profile", "nightly"]) == 1
    assert "there are demo, production" in capsys.readouterr().err
    with pytest.raises(NotFoundError):
        prometheus_rules("nightly")


def test_durations_are_prometheus() -> None:
    assert [seconds(text) for text in ("10s", "5m", "24h", "1d")] == [10, 300, 86_400, 86_400]
    with pytest.raises(ValueError, match="not a duration"):
        seconds("soon")
