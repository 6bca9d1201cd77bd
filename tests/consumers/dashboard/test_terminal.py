"""The terminal's view, drawn from a state."""

import pytest
from plaudit_consumers.commands import top
from plaudit_consumers.dashboard import following
from plaudit_consumers.dashboard.changes import Condition
from plaudit_consumers.dashboard.conditions import ActiveAlert
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot
from plaudit_consumers.dashboard.terminal import ServiceLine, TerminalState, screen
from plaudit_infra.main import main
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.kafka import lag
from rich.console import Console


def drawn(state: TerminalState, width: int = 120) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(state))
    return captured.get()


def _snapshot(model: str = "answerer", window: int = 300) -> Snapshot:
    figures = {
        FigureId("satisfaction", "user", "thumb", "message"): FigureValue(4.25, 4.1, 4.4, 120, 0.07, 100),
        FigureId("satisfaction", "user", "number", "message"): FigureValue(1.0, 1.0, 1.0, 2, 0.0, 2),
        FigureId("accuracy", "reviewer", "", "message"): FigureValue(0.81, 0.7, 0.9, 40),
        FigureId("coverage"): FigureValue(0.052, 0.04, 0.06, 2400),
        FigureId("ignore_rate"): FigureValue(None, None, None, 0),
        FigureId("response_latency_ms_p95"): FigureValue(2345.0, None, None, 2400),
        FigureId("messages_assistant"): FigureValue(2400.0, None, None, 2400),
    }
    return Snapshot(window, 1, Series("shop", model, "2", "", "sdk"), True, figures)


def test_top_without_kafka_is_an_error_and_no_empty_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "_ANSWER_S", 0.2)
    monkeypatch.setattr(lag, "_ANSWER_S", 0.2)
    monkeypatch.setattr(top, "_FIRST_S", 0.5)
    assert main(["top", "--once", "--bootstrap-servers", "127.0.0.1:1"]) == 1
    assert "Kafka does not answer" in capsys.readouterr().err


def test_an_empty_line_says_so() -> None:
    text = drawn(TerminalState(window=300))
    assert "no figures over 5m yet" in text
    assert "no alerts" in text


def test_figures_come_with_intervals_and_counts() -> None:
    text = drawn(
        TerminalState(window=300, snapshots=[_snapshot(), _snapshot("other", window=60)], events=1234567)
    )
    assert "answerer 2" in text
    assert "4.25 4.1-4.4" in text
    assert "81% 70-90" in text
    assert "2.3 s" in text
    assert "2,400" in text
    assert "1,234,567" in text
    assert "other" not in text, "another window's"


def test_eighty_columns_are_enough() -> None:
    text = drawn(
        TerminalState(
            window=300, snapshots=[_snapshot("aurora-mini")], events=1234567, rows={"amendments": 9}
        ),
        80,
    )
    for part in (
        "4.25 4.1-4.4",
        "81% 70-90",
        "events in 1,234,567",
        "amendments rows 9",
        "aurora-mini",
        "2,400",
    ):
        assert part in text
    assert "…" not in text


def test_of_forty_models_the_busiest_are_shown_and_the_number_is_told() -> None:
    text = drawn(TerminalState(window=300, snapshots=[_snapshot(f"model-{n:02}") for n in range(40)]))
    assert "model-19" in text
    assert "model-20" not in text
    assert "the busiest 20 of 40 models" in text


def test_alerts_services_rows_and_notes_are_seen() -> None:
    state = TerminalState(
        window=60,
        alerts=[ActiveAlert(Condition("PlauditSatisfactionDrop", ("a",), "Satisfaction of m fell"), 1.0)],
        services=[ServiceLine("worker", False, "starting", 2), ServiceLine("kafka", True, "runs", 0)],
        rows={"amendments": 17},
        notes=["12:00:01 worker was killed (signal 9); started again"],
        addresses=["console: somewhere"],
    )
    text = drawn(state)
    for part in (
        "PlauditSatisfactionDrop",
        "started again 2 x",
        "amendments rows",
        "17",
        "signal 9",
        "somewhere",
    ):
        assert part in text
    assert text.count("started again 0") == 0


def test_what_is_pending_is_seen_and_is_no_alert_yet() -> None:
    seen = ActiveAlert(Condition("PlauditAccuracyLow", ("a",), "Accuracy of m is 40%"), 1.0, pending=True)
    text = drawn(TerminalState(window=60, alerts=[seen]))
    assert "Accuracy of m is 40% (pending)" in text
    assert "ALERT" not in text


def test_where_to_look_further_fits_on_a_low_terminal() -> None:
    state = TerminalState(
        window=60,
        snapshots=[_snapshot(f"model-{number}") for number in range(8)],
        alerts=[ActiveAlert(Condition("PlauditSatisfactionDrop", ("a",), "Satisfaction of m fell"), 1.0)],
        services=[
            ServiceLine(name, True, "ready", 0) for name in ("valkey", "kafka", "worker", "sink", "gateway")
        ],
        rows={"conversations": 1, "amendments": 2},
        notes=[f"12:00:0{number} something happened" for number in range(6)],
        addresses=["console  http://127.0.0.1:1", "logs       /somewhere"],
    )
    shown = drawn(state, 80).splitlines()[:23]
    assert any("/somewhere" in line for line in shown)


def test_a_model_name_is_text_and_steers_no_terminal() -> None:
    text = drawn(TerminalState(window=300, snapshots=[_snapshot("[red]x\x1b[2J")]))
    assert "[red]x" in text
    assert "\x1b" not in text


def _rated(count: int = 1) -> Snapshot:
    user = ("user", "number", "message")
    figures = {
        FigureId(f"aspect:helpful{number:02}\x1b[2J", *user): FigureValue(
            0.75, 0.7, 0.8, 90 - number, 0.02, 80
        )
        for number in range(count)
    }
    figures[FigureId("aspect:toxic", "user", "label:very", "conversation")] = FigureValue(0.5, None, None, 3)
    figures[FigureId("aspect:judged", "model", "number", "message")] = FigureValue(0.5, None, None, 900)
    return Snapshot(300, 1, Series("shop", "answerer", "2", "", "sdk"), False, figures)


def test_aspects_are_shown_on_their_declared_scale() -> None:
    declared = AspectDeclaration(
        name="helpful00", kinds=("number",), levels=("message",), direction="higher_is_better"
    )
    named = declared.model_copy(update={"name": "helpful00\x1b[2J", "minimum": 0.0, "maximum": 4.0})
    text = drawn(TerminalState(window=300, snapshots=[_rated()], aspects=Aspects({"shop": [named]})))
    assert "3.00 2.80-3.20" in text
    assert "higher" in text
    assert "toxic (very, per conversation)" in text
    assert "\x1b[2J" not in text
    assert "judged" not in text, "users' ratings only"


def _scored(count: int = 1, scorer: str = "taste\x1b[2J") -> Snapshot:
    figures = {}
    for number in range(count):
        which = ("user", f"{scorer}:{number:02}", "message")
        figures[FigureId("agreement_accuracy:satisfaction", *which)] = FigureValue(
            0.75, 0.7, 0.8, 90 - number, 0.02, 80
        )
        figures[FigureId("agreement_auc:satisfaction", *which)] = FigureValue(None, None, None, 90)
        figures[FigureId("agreement_calibration_error:satisfaction", *which)] = FigureValue(0.1, 0.0, 0.2, 90)
    return Snapshot(300, 1, Series("shop", "answerer", "2", "", "sdk"), False, figures)


def test_scorers_are_shown_beside_people() -> None:
    text = drawn(TerminalState(window=300, snapshots=[_scored()]))
    assert "75% 70%-80%" in text
    assert "(satisfaction, users)" in text
    assert " - " in text, "no AUC without both sides"
    assert "10% 0%-20%" in text
    assert "\x1b[2J" not in text
    many = drawn(TerminalState(window=300, snapshots=[_scored(40, "s"), _scored(1, "")]))
    assert "the 12 with the most answers of 41" in many
    assert ":00 (satisfaction" in many
    assert "s:12" not in many
    assert "scorers" not in drawn(TerminalState(window=300, snapshots=[_snapshot()]))


def test_of_many_aspects_those_with_the_most_votes_are_shown() -> None:
    text = drawn(TerminalState(window=300, snapshots=[_rated(40)]))
    assert "the 12 with the most votes of 41" in text
    assert "75% 70%-80%" in text
    assert "helpful11" in text
    assert "helpful12" not in text
    assert "aspects" not in drawn(TerminalState(window=300, snapshots=[_snapshot()]))
