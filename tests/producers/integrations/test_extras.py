"""What is said when the library of an integration is not installed."""

import sys
from importlib import import_module

import pytest
from plaudit_schemas.errors import SettingsError


@pytest.mark.parametrize(
    ("integration", "library", "command"),
    [
        pytest.param("openai", "openai", r"pip install 'plaudit-producers\[openai\]'$", id="wrap of OpenAI"),
        pytest.param(
            "langchain",
            "langchain_core",
            r"pip install 'plaudit-producers\[langchain\]'$",
            id="handler of LangChain",
        ),
        pytest.param("litellm", "litellm", "pip install litellm", id="logger of LiteLLM"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_command(
    integration: str, library: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"plaudit_producers.integrations.{integration}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    for name in [library, *(each for each in sys.modules if each.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=command):
        import_module(module)
