"""The figures of a queue, as the console shows them, beside figures computed apart from the Parquet."""

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import evalica
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from plaudit_schemas.statistics.intervals import wilson

from harness.waiting import eventually
from tests.support.commands import run_command
from tests.support.line import Line
from tests.support.review import ANSWERS, Person, ReviewLine, review_line
from tests.support.sinks import Sinks, rows

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]

ITEMS = 24
SKILLS = {"ana": 0.9, "ben": 0.8, "cleo": 0.3}
RUBRIC: Mapping[str, Any] = {**ANSWERS, "overlap": 3}
QUEUE = "answers/1"


@pytest.fixture
def review(kafka: str, valkey: str, tmp_path: Path) -> Iterator[ReviewLine]:
    # A conversation that was judged ends again soon, so that its new revision is written.
    settings = {"idle_timeout_s": "2", "sweep_interval_s": "0.5"}
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=2, settings=settings)
    with review_line(line) as made:
        yield made.start()


def _work(person: Person, items: int, skill: float) -> None:
    """Answer items: what is right of each follows from its id."""
    rng = random.Random(person.name)
    for _ in range(items):
        item = person.take(QUEUE)
        assert item is not None
        is_right = int(item["id"][-1], 16) % 2 == 0
        said = is_right if rng.random() < skill else rng.random() < 0.5
        stars = (4 if is_right else 2) + rng.choice([-1, 0, 1])
        person.answer(item, {"right": "correct" if said else "incorrect", "stars": stars})


def _feedback(out: Path) -> list[dict[str, Any]]:
    """What reviewers said, from the conversations that a sink wrote; the latest revision of each."""
    latest: dict[str, dict[str, Any]] = {}
    for row in rows(out, "conversations"):
        known = latest.get(row["conversation_id"])
        if known is None or known["revision"] < row["revision"]:
            latest[row["conversation_id"]] = row
    found = [each for row in latest.values() for each in row["feedback"]]
    late = [row["feedback"] for row in rows(out, "amendments") if row["feedback"]]
    return [each for each in (*found, *late) if each["item_id"]]


def _written(sink: Sinks, out: Path) -> list[dict[str, Any]]:
    """What reviewers said, once a sink has written all of it."""

    def all_written() -> bool:
        sink.once()
        return len(_feedback(out)) == 2 * ITEMS * len(SKILLS)

    eventually(all_written, "the conversations have all answers", 120)
    return _feedback(out)


def _without_times(document: dict[str, Any]) -> dict[str, Any]:
    """The figures without times: an answer has the queue's time until the agent has read it from the log."""
    found = {name: document[name] for name in ("items", "random", "questions", "machines")}
    for name in ("reviewers", "days"):
        found[name] = [{**each, "median_seconds": None} for each in document[name]]
    return found


def _table(said: list[dict[str, Any]], kind: str, value: Callable[[dict[str, Any]], float]) -> Any:
    """Reviewers in rows, items in columns."""
    found = {(each["item_id"], each["rater"]["id"]): value(each) for each in said if each["kind"] == kind}
    return pd.Series(found).unstack(level=0)


def _same_as_most(table: Any) -> dict[str, tuple[int, int]]:
    """Reviewer -> how often they said what most of the others said of an item, and of how many items."""
    found = {}
    for who in table.index:
        right = count = 0
        for item in table.columns:
            others = table[item].drop(who).dropna()
            if pd.isna(table[item][who]) or others.mean() == 0.5 or not len(others):
                continue
            count += 1
            right += table[item][who] == round(others.mean())
        found[who] = (int(right), count)
    return found


def test_the_figures_shown_are_those_of_the_parquet(
    review: ReviewLine, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    review.publish(RUBRIC)
    review.replay("topical-chat", limit=4)
    people = [review.sign_in(name) for name in SKILLS]
    lead = review.sign_in("lea", "lead")
    review.wait_items(lead, QUEUE, lambda count: count >= ITEMS)
    for person in people:
        _work(person, ITEMS, SKILLS[person.name])

    shown = lead.get(f"/queues/{QUEUE}/quality")

    def all_shown() -> bool:
        nonlocal shown
        shown = lead.get(f"/queues/{QUEUE}/quality")
        return bool(sum(each["answered"] for each in shown["reviewers"]) == ITEMS * len(SKILLS))

    eventually(all_shown, "the figures have all answers")
    code, printed = run_command(review.line, "review", "status", "answers", "--json")
    assert code == 0, printed
    status = json.loads(printed)
    assert _without_times(status) == _without_times(shown)

    said = _written(sinks(review.line), tmp_path / "out")
    right = _table(said, "label", lambda each: float(each["labels"] == ["correct"]))
    stars = _table(said, "number", lambda each: each["number"])
    by_question = {each["question"]: each["alpha"] for each in shown["questions"]}
    compared: list[tuple[str, Any, Any]] = [("right", right, "nominal"), ("stars", stars, "ordinal")]
    for question, table, distance in compared:
        expected = evalica.alpha(table, distance=distance, solver="naive").alpha
        assert by_question[question]["value"] == pytest.approx(expected, abs=1e-9)
        assert by_question[question]["low"] < expected < by_question[question]["high"]
        assert by_question[question]["values"] == table.count().sum() == ITEMS * len(SKILLS)
    assert shown["items"]["judged"] == len(right.columns)
    _check_majority(shown, right, stars)
    _check_export(review, tmp_path, right, stars)


def _check_majority(shown: Mapping[str, Any], right: Any, stars: Any) -> None:
    labels = _same_as_most(right)
    for each in shown["reviewers"]:
        others = stars.drop(each["reviewer"])
        near = (stars.loc[each["reviewer"]] - others.median()).abs() <= 1
        hits = labels[each["reviewer"]][0] + int(near.sum())
        count = labels[each["reviewer"]][1] + len(near)
        low, high = wilson(hits / count, count)
        expected = {"share": hits / count, "low": low, "high": high, "right": hits, "count": count}
        assert each["majority"] == pytest.approx(expected)


def _check_export(review: ReviewLine, folder: Path, right: Any, stars: Any) -> None:
    """The verdicts of an export are those of the Parquet, in both forms."""
    for name in ("verdicts.jsonl", "verdicts.csv"):
        code, printed = run_command(
            review.line, "review", "export", "answers", "--version", "1", "--output", str(folder / name)
        )
        assert (code, printed.strip()) == (0, f"{folder / name}: {ITEMS * len(SKILLS)} rows")
    exported = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    for row in exported:
        assert row["said"] == "verdict"
        assert (row["answers"]["right"] == "correct") == right[row["item"]][row["reviewer"]]
        assert row["answers"]["stars"] == stars[row["item"]][row["reviewer"]]
    with (folder / "verdicts.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [(row["item"], row["reviewer"], row["answer.right"]) for row in cells] == [
        (row["item"], row["reviewer"], row["answers"]["right"]) for row in exported
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("status", "other"), "no rubric other is published", id="no such rubric"),
        pytest.param(
            ("export", "answers", "--version", "7"), "has no version 7; there are: 1", id="no version"
        ),
        pytest.param(
            ("status", "answers", "--redis-url", "redis://127.0.0.1:1"),
            "Redis does not answer",
            id="no Redis",
        ),
        pytest.param(
            ("export", "answers", "--output", "no/folder/rows.csv"),
            "no/folder/rows.csv cannot be written",
            id="no folder",
        ),
    ],
)
def test_what_is_not_there_is_said(
    kafka: str, valkey: str, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=1)
    with review_line(line) as made:
        made.publish(RUBRIC)
        code, printed = run_command(line, "review", *words)
    assert code == 1
    assert message in printed


@pytest.mark.parametrize("action", ["status", "export"])
def test_a_queue_that_is_not_built_yet_is_told(kafka: str, valkey: str, tmp_path: Path, action: str) -> None:
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=1)
    with review_line(line) as made:
        made.publish(RUBRIC)
        code, printed = run_command(line, "review", action, "answers")
    assert code == 0
    assert "the queue does not exist" in printed
