"""What tests do on the page Review."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.review_fake import FakeReview

Open = Callable[..., FakeReview]


def shown(page: Page, number: int) -> None:
    """Waits until an item is shown."""
    expect(page.locator(".context")).to_contain_text(f"parcel number {number}?")
    expect(page.locator("#item-title")).to_be_focused()


def press(page: Page, *keys: str) -> None:
    """Presses keys one after the other."""
    for key in keys:
        page.keyboard.press(key)


def drafts(page: Page) -> list[dict[str, Any]]:
    """The drafts that this browser keeps."""
    kept = page.evaluate(
        "Object.entries(localStorage).filter(([k]) => k.startsWith('plaudit-review-draft')).map(([, v]) => v)"
    )
    return [json.loads(each) for each in kept]
