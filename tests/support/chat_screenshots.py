"""Takes the docs' screenshots of a running chat page: `python -m tests.support.chat_screenshots URL`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.screenshots import FOLDER, SIZES, Scheme, take_all


def chat(page: Page, url: str) -> None:
    """Ask something, dislike the answer, and say what was wrong."""
    page.goto(url)
    page.locator("#consent").get_by_role("button", name="Yes").click()
    expect(page.locator("#consent")).to_be_hidden()
    prompt = page.get_by_placeholder("Your message")
    prompt.fill("Which planet is closest to the sun?")
    prompt.press("Enter")
    expect(page.get_by_role("button", name="Answer again")).to_be_visible(timeout=30_000)
    page.get_by_label("4 stars").first.check()
    page.get_by_role("button", name="Dislike", exact=True).click()
    page.locator("#wrong").get_by_label("incomplete").check()
    expect(page.locator("#wrong")).to_be_visible()


def compare(page: Page) -> None:
    """Ask for two answers."""
    page.get_by_role("button", name="Done", exact=True).click()
    page.get_by_label("Two answers side by side").check()
    prompt = page.get_by_placeholder("Your message")
    prompt.fill("And which one is the largest?")
    prompt.press("Enter")
    expect(page.get_by_role("button", name="A is better")).to_be_visible(timeout=30_000)


def picture(browser: Browser, url: str, size: str, scheme: Scheme, folder: Path) -> None:
    """Take the screenshots of one size and scheme."""
    context = browser.new_context(color_scheme=scheme, **SIZES[size])
    page = context.new_page()
    chat(page, url)
    page.screenshot(path=folder / f"chat-{size}-{scheme}.png")
    if (size, scheme) == ("desktop", "light"):
        compare(page)
        page.screenshot(path=folder / "chat-side-by-side.png")
    context.close()


def main(url: str, folder: Path = FOLDER) -> None:
    """Take the screenshots of the chat page."""
    folder.mkdir(parents=True, exist_ok=True)
    take_all(lambda browser, size, scheme: picture(browser, url, size, scheme, folder))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER)
