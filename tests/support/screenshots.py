"""Takes the docs' screenshots of a running console: `python -m tests.support.screenshots URL KEY`."""

import shutil
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.services import ROOT

FOLDER = ROOT / "docs" / "images"
Scheme = Literal["light", "dark"]
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1360, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}


def picture(browser: Browser, url: str, key: str, size: str, scheme: Scheme, path: Path) -> None:
    """Take one screenshot of the dashboard, with the window of one minute."""
    context = browser.new_context(color_scheme=scheme, **SIZES[size])
    page = context.new_page()
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=window][value='60']").check(force=True)
    expect(page.locator("#status")).to_have_text("live", timeout=30_000)
    expect(page.locator("#rows tr").first).to_be_visible(timeout=30_000)
    expect(page.locator("#feedback-list li:not(.quiet)").nth(5)).to_be_attached(timeout=60_000)
    page.screenshot(path=path, full_page=size == "desktop")
    context.close()


def take_all(take: Callable[[Browser, str, Scheme], None]) -> None:
    """Take screenshots in both sizes, light and dark."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        schemes: tuple[Scheme, ...] = ("light", "dark")
        for size, scheme in product(SIZES, schemes):
            take(browser, size, scheme)
        browser.close()


def main(url: str, key: str, folder: Path = FOLDER) -> None:
    """Take the screenshots of the dashboard."""
    folder.mkdir(parents=True, exist_ok=True)

    def take(browser: Browser, size: str, scheme: Scheme) -> None:
        picture(browser, url, key, size, scheme, folder / f"dashboard-{size}-{scheme}.png")

    take_all(take)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else FOLDER)
