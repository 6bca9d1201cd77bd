"""`PLAUDIT_LANGCHAIN` records all runs of a process."""

import json
import os
import subprocess
import sys

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import context
from plaudit_producers.integrations import langchain
from plaudit_producers.testing import InMemoryProducer

from tests.support.recorded_chats import lines

_PROGRAM = """
import json
import plaudit_producers.integrations.producers as producers
from plaudit_producers.testing import InMemoryProducer
producers._shared = InMemoryProducer()
import plaudit_producers.integrations.langchain
from langchain_core.language_models import FakeListLLM
assert FakeListLLM(responses=["World"]).invoke("Hello") == "World"
print(json.dumps(len(producers._shared.events)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "events"),
    [("1", 4), ("off", 0), ("sure", 0)],
    ids=["on", "off", "neither"],
)
def test_the_switch(value: str, events: int) -> None:
    environment = {**os.environ, "PLAUDIT_LANGCHAIN": value}
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, check=True, capture_output=True, text=True
    )
    assert json.loads(ran.stdout) == events
    assert ("reading PLAUDIT_LANGCHAIN failed" in ran.stderr) == (value == "sure")


def test_all_runs_are_recorded_once(producer: InMemoryProducer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_configure_hooks", list(context._configure_hooks))
    monkeypatch.setattr(langchain, "_handler", None)
    langchain.record_all_runs(producer)
    langchain.record_all_runs()
    chain = RunnableLambda(str.title) | FakeListLLM(responses=["World", "Again"])
    chain.invoke("hello")
    assert lines(producer) == ["user: Hello", "assistant: World"]
    chain.invoke("hello", config={"callbacks": [langchain.PlauditCallbackHandler(producer)]})
    assert lines(producer)[2:] == ["user: Hello", "assistant: Again"]
