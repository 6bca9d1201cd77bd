"""The dashboard with forty models, with long names and with names that would steer the page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from harness.waiting import eventually
from tests.support.console import Console, make_console, show_dashboard
from tests.support.snapshots import SECOND, now_us, publish, record

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LONG = "a-model-with-a-very-long-name-" * 4 + "v2-final"  # 128 letters
STEERING = "evil\u202egnitiaw-model"
HEBREW = "\u05de\u05d5\u05d3\u05dc-\u05d2\u05d3\u05d5\u05dc"
NAMES = [LONG, STEERING, HEBREW, *(f"model-{number:02}" for number in range(3, 40))]
WIDTHS = {"phone": ViewportSize(width=375, height=740), "desktop": ViewportSize(width=1280, height=900)}


def fill(console: Console, names: list[str], *, most: int = 2000) -> None:
    """Two minutes of figures; the first name has the most answers."""
    end = now_us()
    publish(
        console.connection,
        [
            record(name, end - ago * 30 * SECOND, 300, 4.5 - place / 50, votes=most - 40 * place)
            for ago in reversed(range(5))
            for place, name in enumerate(names)
        ],
    )


@pytest.fixture
def crowded(kafka: str, tmp_path: Path) -> Iterator[Console]:
    made = make_console(kafka, tmp_path)
    fill(made, NAMES)
    yield made.start()
    assert made.stop() == 0


def names(page: Page) -> list[str]:
    found: Any = page.locator("#rows .names > :first-child").all_text_contents()
    return list(found)


def colours(page: Page) -> dict[str, str]:
    """Name -> colour of each row."""
    found: Any = page.locator("#rows .swatch").evaluate_all("all => all.map((one) => one.style.background)")
    return dict(zip(names(page), found, strict=True))


def chart(page: Page) -> Locator:
    """The first chart; its label names the lines and their last values."""
    return page.locator("figure", has_text="Satisfaction").first.locator(".plot")


def charted(page: Page) -> str:
    return chart(page).get_attribute("aria-label") or ""


def test_forty_models_are_sorted_found_and_picked(page: Page, crowded: Console) -> None:
    show_dashboard(page, crowded, crowded.key("reader"))
    expect(page.locator("#rows tr")).to_have_count(12)
    expect(page.locator("#count")).to_have_text("12 of 40 models.")
    assert names(page)[3:] == [f"model-{number:02}" for number in range(3, 12)]
    assert "model-04" in charted(page)
    assert "model-05" not in charted(page), "the busiest five"
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#rows tr")).to_have_count(40)
    page.get_by_label("Find a model").fill("MODEL-3")
    expect(page.locator("#rows tr")).to_have_count(10)
    page.get_by_label("Show model-31 in the charts").check()
    page.get_by_label("Find a model").fill("model-04")
    page.get_by_label("Show model-04 in the charts").uncheck()
    expect(chart(page)).to_have_attribute("aria-label", re.compile("model-31"))
    assert "model-04" not in charted(page)
    page.get_by_label("Find a model").fill("nothing has this name")
    expect(page.locator("#count")).to_have_text("None of the 40 models has such a name.")


def _height(name: Locator) -> float:
    """The height in pixels. While the table is drawn anew, the element is not there for a moment."""
    heights: list[float] = []

    def measured() -> bool:
        box = name.bounding_box()
        heights.extend([box["height"]] if box else [])
        return box is not None

    eventually(measured, "the name is drawn")
    return heights[-1]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_name_is_cut_and_whole_on_request(browser: Browser, crowded: Console, width: str) -> None:
    context = browser.new_context(viewport=WIDTHS[width])
    page = show_dashboard(context.new_page(), crowded, crowded.key("reader"))
    name = page.get_by_role("button", name=LONG)
    expect(name).to_have_attribute("title", LONG)
    cut = _height(name)
    assert overflow(page) <= 0
    name.press("Enter")
    expect(name).to_have_attribute("aria-expanded", "true")
    expect(name).to_be_focused()
    assert _height(name) > 1.5 * cut, "it takes several lines now"
    assert overflow(page) <= 0
    context.close()


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


def show_long_names(browser: Browser, console: Console, rows: str, width: str, picture: Path) -> None:
    """The twelve rows of a table with long names leave the page as wide as it is, and take no direction."""
    context = browser.new_context(viewport=WIDTHS[width])
    page = show_dashboard(context.new_page(), console, console.key("reader"))
    expect(page.locator(rows)).to_have_count(12)
    assert overflow(page) <= 0
    page.get_by_role("button", name=LONG).first.press("Enter")
    expect(page.get_by_role("button", name=LONG).first).to_have_attribute("aria-expanded", "true")
    assert overflow(page) <= 0
    assert "\u202e" not in page.locator("body").inner_text()
    page.screenshot(path=picture, full_page=True)
    context.close()


def test_no_name_steers_the_page(page: Page, crowded: Console) -> None:
    show_dashboard(page, crowded, crowded.key("reader"))
    expect(page.locator("#rows tr")).to_have_count(12)
    assert names(page)[1:3] == [STEERING.replace("\u202e", "\ufffd"), HEBREW]
    assert "\u202e" not in page.locator("body").inner_text()
    for name in ("aria-label", "title"):
        assert page.locator(f"[{name}*='\u202e']").count() == 0
    assert page.locator("#rows .names > :first-child").nth(2).get_attribute("dir") == "auto"


def test_a_model_keeps_its_colour(page: Page, crowded: Console) -> None:
    show_dashboard(page, crowded, crowded.key("reader"))
    expect(page.locator("#rows tr")).to_have_count(12)
    page.get_by_role("button", name="Show all").click()
    before = colours(page)
    assert len({before[name] for name in names(page)[:8]}) == 8, (
        "the busiest differ in colour, not in dashes alone"
    )
    fill(crowded, ["a-newcomer", "another", *NAMES], most=4000)
    expect(page.locator("#rows tr")).to_have_count(42)
    assert {name: colour for name, colour in colours(page).items() if name in before} == before
    page.reload()
    expect(page.locator("#rows tr")).to_have_count(12)
    page.get_by_role("button", name="Show all").click()
    assert {name: colour for name, colour in colours(page).items() if name in before} == before
