"""Somebody who works through a queue of the page Review with the keyboard alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page, expect

from tests.support.console import Console

_MOVED_ON = """item => {
  const other = document.querySelector('.other:not([hidden])');
  if (other) return !other.innerText.includes('on its way');
  return document.querySelector('.context').dataset.item !== item;
}"""
Judge = Callable[[Page], list[str]]
"""Looks at the page and says which keys to press. Enter follows."""


@dataclass
class Reviewer:
    """A person at a browser of their own.

    Attributes:
        items: ids of the items that were answered, in their order.
    """

    page: Page
    console: Console
    key: str
    judge: Judge
    items: list[str] = field(default_factory=list)

    def open(self, queue: str) -> "Reviewer":
        """Sign in and open a queue."""
        self.console.sign_in(self.page, self.key, "/review")
        self.page.evaluate("queue => localStorage.setItem('plaudit-review-read:' + queue, '1')", queue)
        self.page.get_by_role("heading", name="Review").wait_for()
        self.page.evaluate("queue => { location.hash = '#/' + queue }", queue)
        self._arrived()
        return self

    @property
    def finished(self) -> bool:
        """Whether nothing is left for this person at the moment."""
        return self.page.get_by_role("heading", name="Nothing left for you here").is_visible()

    @property
    def shown(self) -> str:
        """The id of the item that is shown."""
        return self.page.locator(".context").get_attribute("data-item") or ""

    def fill(self) -> str:
        """Answer the item that is shown without sending it. Returns its id."""
        item = self.shown
        for key in self.judge(self.page):
            self.page.keyboard.press(key)
        return item

    def answer(self) -> None:
        """Answer the item that is shown, and wait for what comes next."""
        item = self.fill()
        self.page.keyboard.press("Enter")
        self.move_on(item)

    def move_on(self, item: str) -> None:
        """Wait until the answer to an item is stored, and something else is shown."""
        self.page.wait_for_function(_MOVED_ON, arg=item)
        self.items.append(item)

    def again(self, queue: str) -> None:
        """Come back after the console was started again, at its address of now."""
        self.page.goto(self.console.url + "/review")
        if "/sign-in" in self.page.url:
            self.page.get_by_label("API key").fill(self.key)
            self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Review", exact=True).wait_for()
        self.page.evaluate("queue => { location.hash = '#/' + queue }", queue)
        self._arrived()

    def _arrived(self) -> None:
        expect(self.page.locator("#screen")).to_have_attribute("aria-busy", "false")
        self.page.locator(".work .context h2, .work .other h2").first.wait_for()


def judged_text(page: Page) -> str:
    """The text of the answer to judge."""
    return page.locator(".message[data-judged] > .said").first.inner_text()


def right(text: str) -> bool:
    """What the careful say of an answer: something that a text decides, however it is rendered."""
    return sum(letter.isalpha() for letter in text) % 2 == 0
