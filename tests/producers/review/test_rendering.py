"""Markdown of strangers: what it may show, and what it may never do."""

from html.parser import HTMLParser

import pytest
from plaudit_producers.review.rendering import rendered


class _Parts(HTMLParser):
    """The tags, attributes and targets of links of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets |= {value or "" for name, value in attrs if name == "href"}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        '<a href="x" onclick="alert(1)">y</a>',
        "<style>*{display:none}</style>",
        "<iframe src=//evil></iframe>",
        "<svg/onload=alert(1)>",
        '[x](https://e.com "a\\" onmouseover=alert(1) b=\\"")',
    ],
    ids=[
        "script", "image with a handler", "javascript link", "javascript in mixed case", "data link",
        "picture of a script", "handler", "style", "frame", "svg", "title that breaks out",
    ],
)  # fmt: skip
def test_nothing_of_it_runs_or_loads(text: str) -> None:
    found = _Parts()
    found.feed(rendered(text))
    assert found.tags <= {"p", "a"}
    assert found.attributes <= {"href", "title", "rel", "target"}
    assert {target.partition(":")[0] for target in found.targets} <= {"https"}


def test_html_is_shown_as_text() -> None:
    assert rendered("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"


def test_a_picture_is_its_name_and_loads_nothing() -> None:
    assert rendered("![a *cat*](https://spy.example/cat.png)") == "<p>a *cat*</p>\n"


def test_links_open_apart_and_tell_nobody_where_they_come_from() -> None:
    html = rendered("[x](https://e.com/a?b=1&c=2)")
    assert 'href="https://e.com/a?b=1&amp;c=2"' in html
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "href" not in rendered("[x](/review/queues)")


def test_code_tables_and_lists_are_shown() -> None:
    html = rendered("```python\nif a < b:\n    pass\n```\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n3. x\n\n~~no~~")
    assert "<pre><code>if a &lt; b:\n    pass\n</code></pre>" in html
    assert "<td>2</td>" in html
    assert '<ol start="3">' in html
    assert "<s>no</s>" in html


def test_line_breaks_and_other_scripts_stay() -> None:
    assert rendered("a\nb") == "<p>a<br>\nb</p>\n"
    assert "שלום" in rendered("שלום")


def test_what_is_too_long_to_parse_is_shown_as_it_is() -> None:
    text = "<b>*" + "x" * 200_000
    assert rendered(text) == f"<pre>&lt;b&gt;*{'x' * 200_000}</pre>"
    assert rendered("*" * 150_000)  # a parser that is slow here would hold up everybody


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("|a" * 50 + "\n" + "|-" * 50 + "\n|" * 1300, id="rows that lack columns"),
        pytest.param(("|a" * 9 + "\n" + "|-" * 9 + "\n|" * 90 + "\n\n") * 30, id="many tables"),
        pytest.param("|a\u2028" * 50 + "\n" + "|-" * 50 + "\n|" * 1300, id="a line break of another kind"),
        pytest.param(f"[x]: https://e.com/{'a' * 9000}\n\n" + "[x] " * 2500, id="a long address often"),
    ],
)
def test_a_short_text_makes_no_huge_page(text: str) -> None:
    assert len(rendered(text)) < 3 * len(text)


def test_usual_tables_and_references_are_rendered() -> None:
    rows = "".join(f"| {number} | b | c |\n" for number in range(500))
    assert rendered(f"| a | b | c |\n| - | - | - |\n{rows}").count("<td>") == 1500
    listed = "\n".join(f"{number}. See [{number}]." for number in range(200))
    assert rendered(f"{listed}\n\n[7]: https://e.com/docs").count("<a ") == 1
