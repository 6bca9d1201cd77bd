"""Takes the docs' screenshots of the page Review: `python -m tests.support.review_screenshots`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plaudit_producers.review.quality.figures import own_figures
from playwright.sync_api import Browser, Page, expect

from tests.support.review_fake import FakeReview, review_server
from tests.support.review_figures import FIGURES
from tests.support.review_items import CORRECTION, QUESTIONS, RANKING, compared, queue, with_everything
from tests.support.screenshots import FOLDER, SIZES, Scheme, take_all

_OWN = own_figures(FIGURES, "anna") or {}
_SAID = [
    {"reviewer": "anna", "answers": {"correct": True, "quality": 4, "tone": "friendly"}, "surplus": False},
    {
        "reviewer": "ben",
        "surplus": False,
        "answers": {
            "correct": False,
            "quality": 2,
            "tone": "neutral",
            "why": "It does not say how punctuation counts.",
        },
    },
]
_EVEREST = (
    "**Mount Everest** is the tallest mountain above the sea: 8,849 m.\n\n"
    "Measured from its base, *Mauna Kea* is taller: about 10,200 m, most of it below the sea."
)
_K2 = "K2, with 8,611 m."


def _answers(*, lead: bool = False) -> FakeReview:
    items = [with_everything() | {"id": f"item-{at}"} for at in range(40)]
    fake = FakeReview(queue("answer", *QUESTIONS), items, lead=lead, quality=FIGURES, own=_OWN)
    fake.answered = [(f"item-{at}", {}) for at in range(20, 33)]
    fake.disagreements = [
        {"item": f"item-{at}", "kind": "answer", "questions": ["correct"], "verdicts": 3, "mine": at == 1}
        for at in range(4)
    ]
    fake.verdicts = {"item-0": _SAID}
    return fake


def _show(page: Page, fake: FakeReview, place: str, keys: Sequence[str]) -> None:
    page.add_init_script("localStorage.setItem('plaudit-review-read:quality/1', '1')")
    page.goto(f"{fake.url}#/quality/1{place}")
    expect(page.locator("#screen")).to_have_attribute("aria-busy", "false")
    for key in keys:
        page.keyboard.press(key)


def _picture(
    browser: Browser,
    path: Path,
    fake: FakeReview,
    size: str,
    scheme: Scheme,
    place: str = "",
    keys: Sequence[str] = (),
    **options: Any,
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", **SIZES[size])
    page = context.new_page()
    with review_server(fake):
        _show(page, fake, place, keys)
        page.screenshot(path=path, **options)
    context.close()


def take(browser: Browser, size: str, scheme: Scheme, folder: Path) -> None:
    """Take the screenshots of one size and scheme."""
    _picture(browser, folder / f"review-{size}-{scheme}.png", _answers(), size, scheme, keys=("1", "4"))
    if (size, scheme) != ("desktop", "light"):
        return
    pair = FakeReview(queue("answers", RANKING, CORRECTION), [compared(1, _K2, _EVEREST)], own=_OWN)
    _picture(browser, folder / "review-side-by-side.png", pair, size, scheme, keys=("2",))
    _picture(browser, folder / "review-lead.png", _answers(lead=True), size, scheme, "/lead", full_page=True)
    _picture(
        browser,
        folder / "review-settle.png",
        _answers(lead=True),
        size,
        "dark",
        "/settle/item-0",
        keys=("2",),
    )


def main(folder: Path = FOLDER) -> None:
    """Take all screenshots of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    take_all(lambda browser, size, scheme: take(browser, size, scheme, folder))


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:2]))
