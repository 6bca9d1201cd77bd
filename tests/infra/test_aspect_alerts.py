"""The alert rules of declared aspects, unit-tested by the real promtool, and the same in the product."""

import subprocess
from pathlib import Path

import pytest
import yaml
from plaudit_infra.commands.alerts import rules_text
from plaudit_infra.main import main
from plaudit_schemas.alerts import aspect_definitions, prometheus_rules
from plaudit_schemas.contract.aspects import Aspects, read_aspects

from tests.infra.test_alerts import FOLDER
from tests.support.metric_names import known_names, named_in
from tests.support.prometheus import program

FILE = """
version: 1
applications:
  shop:
    - {name: 'help "ful" a.b', kinds: [number], levels: [message], direction: higher_is_better}
    - {name: toxic, kinds: [thumb], levels: [message], direction: lower_is_better}
    - {name: tone, kinds: [label], levels: [message], direction: higher_is_better}
    - {name: flat, kinds: [number], levels: [message], direction: neutral}
    - {name: satisfaction, kinds: [thumb], levels: [message], direction: higher_is_better}
  "*":
    - {name: n\u00fctzlich, kinds: [number], levels: [message], direction: higher_is_better}
"""


@pytest.fixture
def aspects(tmp_path: Path) -> Aspects:
    (tmp_path / "aspects.yaml").write_text(FILE, encoding="utf-8")
    return read_aspects(tmp_path / "aspects.yaml")


def series(application: str, aspect: str, scale: str, before: float, recent: float) -> list[dict[str, str]]:
    """900 votes of `before` and 100 of `recent` in the last hour."""
    labels = (
        f'application="{application}",model="m",model_version="1",variant="",source="sdk",rater_kind="user",'
        f'scale="{scale}",level="message",aspect={quoted(aspect)}'
    )
    values = {"1h": (recent, 100, 0.02), "24h": ((9 * before + recent) / 10, 1000, 0.006)}
    return [
        {"series": f'{name}{{{labels},window="{window}"}}', "values": f"{value}x20"}
        for window, found in values.items()
        for name, value in zip(
            ("plaudit_aspect_ratio", "plaudit_aspect_votes", "plaudit_aspect_standard_error"),
            found,
            strict=True,
        )
    ]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def promtool(*arguments: str | Path) -> str:
    """What promtool says; empty if nothing is wrong."""
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


_FIRING = 'ALERTS{alertstate="firing",alertname=~".*Aspect.*"}'


def problems(tmp_path: Path, aspects: Aspects, given: list[dict[str, str]], expected: list[str]) -> str:
    """What promtool finds wrong if exactly the expected alerts fire; each is `alert{labels}`."""
    (tmp_path / "rules.yml").write_text(rules_text("production", aspects), encoding="utf-8")
    test = {
        "expr": f"sum by (alertname, application, aspect, scale) ({_FIRING})",
        "eval_time": "15m",
        "exp_samples": [{"labels": labels, "value": 1} for labels in expected],
    }
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [test]}],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return promtool("test", "rules", tmp_path / "test.yml")


def test_prometheus_takes_the_rules(tmp_path: Path, aspects: Aspects) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(rules_text("production", aspects), encoding="utf-8")
    done = subprocess.run(
        [program("promtool"), "check", "rules", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for rule in prometheus_rules("production", aspects)["groups"][0]["rules"]:
        assert named_in(rule["expr"].replace('\\"', "")) <= known_names(), rule
        assert "$" not in rule["expr"], rule


@pytest.mark.parametrize("profile", ["production", "demo"])
def test_without_aspects_there_are_no_rules_for_them(profile: str) -> None:
    text = rules_text(profile, Aspects.none())
    assert [name for name in ("plaudit_aspect", "PlauditAspect") if name in text] == []
    assert rules_text(profile) == rules_text(profile, Aspects.none())


def test_neutral_aspects_alone_need_no_rules(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "version: 1\n"
        "applications: {shop: [{name: flat, kinds: [number], levels: [message], direction: neutral}]}"
    )
    assert rules_text("production", read_aspects(tmp_path / "a.yaml")) == rules_text("production")


def test_the_command_reads_the_flag_or_the_setting(
    tmp_path: Path, aspects: Aspects, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "aspects.yaml")
    assert main(["alerts", "--aspects", path]) == 0
    by_flag = capsys.readouterr().out
    monkeypatch.setenv("PLAUDIT_ASPECTS", path)
    assert main(["alerts"]) == 0
    assert capsys.readouterr().out == by_flag == rules_text("production", aspects)
    assert "PlauditAspectDrop" in by_flag


def test_every_alert_has_a_runbook_of_several_steps() -> None:
    for alert in aspect_definitions().alerts:
        assert len(alert.runbook) >= 2, alert.alert
        assert all(step.endswith(".") for step in alert.runbook), alert.alert


def drop(application: str, aspect: str, scale: str = "number") -> list[dict[str, str]]:
    return series(application, aspect, scale, 0.8, 0.5)


def rise(application: str, aspect: str, scale: str = "number") -> list[dict[str, str]]:
    return series(application, aspect, scale, 0.1, 0.4)


def fired(alert: str, application: str, aspect: str, scale: str = "number") -> str:
    which = f'application="{application}",aspect={quoted(aspect)},scale="{scale}"'
    return f'{{alertname="{alert}",{which}}}'


AWKWARD = 'help "ful" a.b'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(drop("shop", AWKWARD), [fired("PlauditAspectDrop", "shop", AWKWARD)], id="worse"),
        pytest.param(rise("shop", AWKWARD), [], id="better"),
        pytest.param(
            rise("shop", "toxic", "thumb"),
            [fired("PlauditAspectRise", "shop", "toxic", "thumb")],
            id="worse-by-rising",
        ),
        pytest.param(drop("shop", "toxic", "thumb"), [], id="better-by-falling"),
        pytest.param(drop("shop", "flat"), [], id="neutral"),
        pytest.param(drop("shop", "undeclared"), [], id="undeclared"),
        pytest.param(
            drop("bank", "n\u00fctzlich"),
            [fired("PlauditAspectDrop", "bank", "n\u00fctzlich")],
            id="other-application",
        ),
        pytest.param(drop("shop", "n\u00fctzlich"), [], id="not-an-other-application"),
        pytest.param(series("shop", AWKWARD, "number", 0.8, 0.76), [], id="small-change"),
        pytest.param(series("shop", AWKWARD, "number", 0.8, 0.5)[:5], [], id="half-of-the-series"),
    ],
)
def test_an_aspect_alerts_against_its_direction_only(
    tmp_path: Path, aspects: Aspects, given: list[dict[str, str]], expected: list[str]
) -> None:
    assert problems(tmp_path, aspects, given, expected) == ""


def test_a_missing_alert_is_seen(tmp_path: Path, aspects: Aspects) -> None:
    assert "PlauditAspectDrop" in problems(tmp_path, aspects, drop("shop", AWKWARD), [])


def test_the_files_of_the_repository_have_no_aspects() -> None:
    assert "Aspect" not in (FOLDER / "rules.yml").read_text(encoding="utf-8")
