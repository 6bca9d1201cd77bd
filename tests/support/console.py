"""The console as a real process, and how a browser signs in to it."""

from pathlib import Path

from plaudit_schemas.service.console import CONSOLE_LINK
from playwright.sync_api import Page, expect

from harness.web_process import WebProcess
from tests.support.event_log import own_topics


class Console(WebProcess):
    """A console. `start` starts it; `sign_in` signs a browser in."""

    command = "console"

    def start(self) -> "Console":
        """Start the process and wait until it is ready."""
        self.launch()
        self.wait_ready()
        return self

    def link(self) -> str:
        """The one-time link, of a console that was started with `--link`."""
        return (self.folder / CONSOLE_LINK).read_text().strip()

    def revoke(self, name: str) -> None:
        """Revoke the key with this name."""
        (key_id,) = (key.id for key in self.keys.load().values() if key.name == name)
        assert self.keys.revoke(key_id)

    def sign_in(self, page: Page, key: str, path: str = "/dashboard") -> Page:
        """Sign a browser in, and open a page of the console."""
        page.goto(self.url + path)
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(self.url + path)
        return page


def show_dashboard(page: Page, console: Console, key: str) -> Page:
    """Sign in, and wait until the dashboard is live."""
    console.sign_in(page, key)
    expect(page.locator("#status")).to_have_text("live")
    return page


def make_console(kafka: str, folder: Path, **settings: str) -> Console:
    """A console that is not started yet."""
    return Console(own_topics(kafka), folder, dict(settings))
