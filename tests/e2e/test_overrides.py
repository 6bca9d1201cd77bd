"""An id or a message cannot turn the text of a console's page around; marks of direction stay."""

from collections.abc import Callable
from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

SCRIPT = (files("plaudit_infra") / "console" / "static" / "visible.js").read_text(encoding="utf-8")
FRAME = (files("plaudit_infra") / "console" / "static" / "frame.html").read_text(encoding="utf-8")
TURNED = "user \u202egnp.exe\u2066 a\u2028b\u200f"
VISIBLE = "user \\u202egnp.exe\\u2066 a\\u2028b\u200f"


@pytest.fixture
def shown(page: Page, site: Callable[[str, str], str]) -> Page:
    body = f"<p id=early>{TURNED}</p><textarea>{TURNED}</textarea><p id=late>"
    page.goto(site("overrides.html", f"<!doctype html><meta charset=utf-8><script>{SCRIPT}</script>{body}"))
    return page


def test_every_page_loads_it_before_anything_is_shown() -> None:
    assert "/static/visible.js" in FRAME.partition("$head")[0]


def test_what_the_server_wrote_is_visible(shown: Page) -> None:
    expect(shown.locator("#early")).to_have_text(VISIBLE)
    expect(shown.locator("textarea")).to_have_value(TURNED)


@pytest.mark.parametrize(
    "script",
    [
        "(node, text) => { node.textContent = text; }",
        "(node, text) => { node.append('x'); node.firstChild.data = text; }",
        "(node, text) => { node.innerHTML = '<b><i></i></b>'; node.querySelector('i').append(text); }",
        "(node, text) => { node.innerHTML = `<b title='${text}'>${text}</b>`; }",
    ],
    ids=["as a text", "as data", "added within", "as HTML"],
)
def test_what_a_script_shows_is_visible(shown: Page, script: str) -> None:
    shown.locator("#late").evaluate(script, TURNED)
    assert shown.locator("#late").evaluate("(node) => node.textContent") == VISIBLE
    assert shown.locator("[title]").evaluate_all("(all) => all.map((each) => each.title)") in ([], [VISIBLE])
