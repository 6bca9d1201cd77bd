"""The dashboard with forty aspects, with long names and with names that would steer the page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_many_models import HEBREW, LONG, STEERING, WIDTHS, show_long_names
from tests.support.console import Console, make_console, show_dashboard
from tests.support.snapshots import SECOND, figure, now_us, publish, record

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ASPECTS = [LONG, STEERING, HEBREW, "helpfulness", *(f"aspect {number:02}" for number in range(4, 40))]
FILE = """
version: 1
applications:
  shop:
    - name: helpfulness
      kinds: [number]
      levels: [message]
      direction: higher_is_better
      minimum: 0
      maximum: 4
      description: Did the answer solve it?
    - {name: aspect 04, kinds: [thumb], levels: [message], direction: lower_is_better}
"""


def rated(model: str, at: int) -> dict[str, Any]:
    made = record(model, at, 300, 4.2, votes=400)
    user = {"rater_kind": "user", "level": "message"}
    made["figures"] += [
        figure(f"aspect:{name}", 0.75 - place / 100, 400 - place, 0.05, scale="number", **user)
        for place, name in enumerate(ASPECTS)
    ]
    made["figures"].append(figure("aspect:aspect 04", 0.2, 90, 0.1, scale="thumb", **user))
    made["figures"].append(figure("aspect:aspect 05", 0.4, 80, 0.1, scale="label:<b>warm</b>", **user))
    return made


@pytest.fixture
def crowded(kafka: str, tmp_path: Path) -> Iterator[Console]:
    (tmp_path / "aspects.yaml").write_text(FILE)
    made = make_console(kafka, tmp_path, aspects=str(tmp_path / "aspects.yaml"))
    end = now_us()
    publish(
        made.connection,
        [
            rated(model, end - ago * 30 * SECOND)
            for ago in reversed(range(5))
            for model in ("answerer 1", "other 2")
        ],
    )
    yield made.start()
    assert made.stop() == 0


def cells(page: Page, aspect: str, kind: str = "numbers") -> list[str]:
    """The cells of an aspect's row for the first model."""
    row = page.locator("#aspect-rows tr", has_text=aspect).filter(has_text=f"{kind}, per message").first
    found: Any = row.locator("td").all_inner_texts()
    return [" ".join(text.split()) for text in found]


def test_forty_aspects_are_sorted_found_and_charted(page: Page, crowded: Console) -> None:
    show_dashboard(page, crowded, crowded.key("reader"))
    expect(page.locator("#aspect-rows tr")).to_have_count(12)
    expect(page.locator("#aspect-count")).to_have_text("12 of 84 rows.")
    page.get_by_label("Find an aspect").fill("HELPFUL")
    expect(page.locator("#aspect-rows tr")).to_have_count(2)
    assert cells(page, "helpfulness") == ["answerer 1", "2.88 2.68 to 3.08", "397", "397", "higher"]
    page.get_by_label("Find an aspect").fill("aspect 04")
    assert cells(page, "aspect 04", "thumbs")[1:] == ["20 % 10 % to 30 %", "90", "90", "lower"]
    page.get_by_label("Find an aspect").fill("aspect 05")
    assert cells(page, "aspect 05", "label <b>warm</b>")[1:] == ["40 % 30 % to 50 %", "80", "80", "\u2013"]
    page.get_by_label("Find an aspect").fill("nothing")
    expect(page.locator("#aspect-count")).to_have_text("None of the 84 rows has such a name.")
    page.get_by_label("Find an aspect").fill("")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#aspect-rows tr")).to_have_count(84)
    page.locator("#aspect").select_option(label="helpfulness (numbers, per message, by users)")
    plot = page.locator("figure", has_text="share of the scale").locator(".plot")
    expect(plot).to_have_attribute("aria-label", "Aspect over time. Latest: answerer 1 72 %; other 2 72 %.")


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_of_aspects_do_not_widen_the_page(
    browser: Browser, crowded: Console, tmp_path: Path, width: str
) -> None:
    show_long_names(browser, crowded, "#aspect-rows tr", width, tmp_path / f"{width}.png")


def test_without_aspects_the_page_shows_nothing_of_them(page: Page, kafka: str, tmp_path: Path) -> None:
    console = make_console(kafka, tmp_path)
    publish(console.connection, [record("answerer 1", now_us(), 300, 4.2, votes=400)])
    console.start()
    show_dashboard(page, console, console.key("reader"))
    expect(page.locator("#rows tr")).to_have_count(1)
    for hidden in ("#aspects", "#aspect-choice"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("figure", has_text="share of the scale")).to_be_hidden()
    assert console.stop() == 0
