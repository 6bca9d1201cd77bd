"""The dashboard with scorers beside people, with long names and with names that would steer the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_many_models import HEBREW, LONG, STEERING, WIDTHS, show_long_names
from tests.support.console import Console, make_console, show_dashboard
from tests.support.snapshots import SECOND, figure, now_us, publish, record

pytestmark = pytest.mark.kafka

SCORERS = [
    "taste:1",
    "taste:2",
    f"{LONG}:1",
    f"{STEERING}:1",
    f"{HEBREW}:1",
    *(f"s{n:02}:1" for n in range(5)),
]
MEASURES = {
    "agreement_accuracy": (0.75, 0.05),
    "agreement_auc": (0.81, 0.04),
    "agreement_mcc": (0.5, 0.1),
    "agreement_brier": (0.18, 0.02),
    "agreement_calibration_error": (0.06, 0.06),
}


def scored(model: str, at: int) -> dict[str, Any]:
    made = record(model, at, 300, 4.2, votes=400)
    for place, scorer in enumerate(SCORERS):
        user = {"rater_kind": "user", "level": "message", "scale": scorer}
        for measure, (value, half) in MEASURES.items():
            if (scorer, measure) != ("taste:2", "agreement_auc"):
                made["figures"].append(figure(f"{measure}:satisfaction", value, 400 - place, half, **user))
    return made


@pytest.fixture
def crowded(kafka: str, tmp_path: Path) -> Iterator[Console]:
    made = make_console(kafka, tmp_path)
    end = now_us()
    publish(
        made.connection,
        [
            scored(model, end - ago * 30 * SECOND)
            for ago in reversed(range(5))
            for model in ("answerer 1", "other 2")
        ],
    )
    yield made.start()
    assert made.stop() == 0


def cells(page: Page, scorer: str) -> list[str]:
    row = page.locator("#scorer-rows tr", has_text=scorer).first
    found: Any = row.locator("td").all_inner_texts()
    return [" ".join(text.split()) for text in found]


def test_scorers_are_sorted_and_charted(page: Page, crowded: Console) -> None:
    show_dashboard(page, crowded, crowded.key("reader"))
    expect(page.locator("#scorer-rows tr")).to_have_count(12)
    assert cells(page, "taste:1") == [
        "answerer 1", "75 % 70 % to 80 %", "0.81 0.77 to 0.85", "0.50 0.40 to 0.60", "6.0 % 0.0 % to 12 %",
        "0.18 0.16 to 0.20", "400",
    ]  # fmt: skip
    assert cells(page, "taste:2")[2] == "\u2013", "an AUC needs answers of both sides"
    expect(page.locator("#scorer-count")).to_have_text("12 of 20 rows.")
    page.locator("#scorers").get_by_role("button", name="Show all").click()
    expect(page.locator("#scorer-rows tr")).to_have_count(20)
    page.get_by_label("Find a scorer").fill("S04:1 other")
    expect(page.locator("#scorer-rows tr")).to_have_count(1)
    page.get_by_label("Find a scorer").fill("nobody")
    expect(page.locator("#scorer-count")).to_have_text("None of the 20 rows has such a name.")
    page.get_by_label("Find a scorer").fill("")
    page.locator("#scorer").select_option(label="taste:2 (satisfaction, beside users)")
    plot = page.locator("figure", has_text="Agreement of a scorer").locator(".plot")
    expect(plot).to_have_attribute(
        "aria-label", "Agreement of a scorer over time. Latest: answerer 1 75 %; other 2 75 %."
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_of_scorers_do_not_widen_the_page(
    browser: Browser, crowded: Console, tmp_path: Path, width: str
) -> None:
    show_long_names(browser, crowded, "#scorer-rows tr", width, tmp_path / f"{width}.png")


@pytest.mark.slow
def test_without_scorers_the_page_shows_nothing_of_them(page: Page, kafka: str, tmp_path: Path) -> None:
    console = make_console(kafka, tmp_path)
    publish(console.connection, [record("answerer 1", now_us(), 300, 4.2, votes=400)])
    console.start()
    show_dashboard(page, console, console.key("reader"))
    expect(page.locator("#rows tr")).to_have_count(1)
    for hidden in ("#scorers", "#scorer-choice"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("figure", has_text="Agreement of a scorer")).to_be_hidden()
    assert console.stop() == 0
