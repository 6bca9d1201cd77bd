"""The documentation site: pages generated from the code, and the code in pages. `make docs` builds it."""

import re
from collections.abc import Callable
from typing import Any

import plaudit_producers
import pytest
from plaudit_infra.main import commands as all_commands
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.settings import installed
from plaudit_schemas.settings.model import variable_of
from plaudit_schemas.topics import definitions

from docs.generators import alerts, columns, commands, decisions, errors, events, metrics, settings, topics
from docs.generators.links import for_site
from docs.generators.markdown import table
from tests.support.services import ROOT

MOVED = {"README.md": "index.md", "SECURITY.md": "security.md"}


@pytest.mark.parametrize(
    ("text", "source", "page", "expected"),
    [
        pytest.param("[a](docs/x.md#b)", "README.md", "index.md", "[a](x.md#b)", id="into the docs"),
        pytest.param("[a](SECURITY.md)", "README.md", "index.md", "[a](security.md)", id="a moved page"),
        pytest.param("[a](../README.md)", "docs/x.md", "x.md", "[a](index.md)", id="out of the docs"),
        pytest.param("[8](../x.md)", "docs/decisions/8.md", "decisions/8.md", "[8](../x.md)", id="one up"),
        pytest.param("![a](docs/i/a.png)", "README.md", "index.md", "![a](i/a.png)", id="an image"),
        pytest.param(
            "[word](code/a.py)", "README.md", "index.md", "word (`code/a.py`)", id="code with a word"
        ),
        pytest.param("[`a.py`](code/a.py)", "README.md", "index.md", "`code/a.py`", id="code by its name"),
        pytest.param(
            "[d](docs/decisions)", "README.md", "index.md", "[d](decisions/index.md)", id="a folder"
        ),
        pytest.param(
            "[w](https://w.org/a.md)", "README.md", "index.md", "[w](https://w.org/a.md)", id="the web"
        ),
        pytest.param("[h](#here)", "README.md", "index.md", "[h](#here)", id="the page itself"),
    ],
)
def test_links_fit_the_site(text: str, source: str, page: str, expected: str) -> None:
    assert for_site(text, source, page, MOVED) == expected


def test_a_cell_keeps_its_column() -> None:
    assert table(["a"], [["x|y\n z"]]).splitlines()[-1] == "| x\\|y z |"


def test_every_setting_command_and_topic_is_documented() -> None:
    variables = {variable_of(name) for cls in installed() for name in cls.model_fields}
    assert {name for name in variables if f"`{name}`" not in settings.render()} == set()
    pages = commands.render()
    assert {one.name for one in all_commands() if f"## plaudit {one.name}\n" not in pages} == set()
    assert {topic.name for topic in definitions() if f"## {topic.name}\n" not in topics.render()} == set()


@pytest.mark.parametrize(
    ("render", "words"),
    [
        pytest.param(
            metrics.render, ["plaudit_events_total", "plaudit_sink_", "plaudit_gateway_"], id="metrics"
        ),
        pytest.param(alerts.render, ["PlauditLagHigh", "{{ $value", "50000"], id="alerts"),
        pytest.param(errors.render, ["└── SpoolError", "`SnapshotError`", "`unknown_body`"], id="errors"),
        pytest.param(
            events.render, ["## AddMessage", "[Rater](#rater)", "## EraseConversation"], id="events"
        ),
        pytest.param(columns.render, ["## preference", "`rejected`"], id="columns"),
        pytest.param(decisions.index, ["[Sub-commands are argparse", "| 0002 |"], id="decisions"),
    ],
)
def test_a_generated_page_holds_what_it_should(render: Callable[[], str], words: list[str]) -> None:
    text = render()  # not while tests are collected: some pages import every module
    assert [word for word in words if word not in text] == []


def test_no_setting_is_without_a_description() -> None:
    assert [
        name for cls in installed() for name, field in cls.model_fields.items() if not field.description
    ] == []


@pytest.mark.parametrize("name", ["start", "chat-products"])
def test_the_code_of_a_page_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    made: list[InMemoryProducer] = []

    def producer(application: str, **options: Any) -> InMemoryProducer:
        made.append(InMemoryProducer(application))
        return made[-1]

    def answer_one_question(product: InMemoryProducer) -> None:
        chat = product.start_conversation()
        chat.add_message("user", "a")
        chat.add_message("assistant", "b")

    monkeypatch.setattr(plaudit_producers, "FeedbackProducer", producer)
    names: dict[str, Any] = {
        "conversation_id": "c",
        "message_id": "m",
        "answer_one_question": answer_one_question,
    }
    for snippet in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(snippet, f"{name}.md", "exec"), names)  # noqa: S102  # our own document
    assert made[0].events
