"""The code of docs/simulating.md runs."""

import re

from plaudit_producers.testing import InMemoryProducer

from tests.support.services import ROOT


def test_the_documents_code_runs() -> None:
    text = (ROOT / "docs" / "simulating.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "simulating.md", "exec"), names)  # noqa: S102  # our own document
    producer = names["producer"]
    assert isinstance(producer, InMemoryProducer)
    starts = [event for event in producer.events if type(event.body).__name__ == "StartConversation"]
    assert len(starts) == 100
