"""`plaudit chat` at the command line."""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.commands import chat
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    chat.configure(parser)
    return chat.run(parser.parse_args(arguments))


@pytest.mark.parametrize("missing", ["gradio", "huggingface_hub"])
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(chat, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(SettingsError, match=r"pip install 'plaudit-producers\[chat\]'"):
        run()


def test_a_models_file_with_a_typo_is_refused_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("version: 1\nmodels:\n  - id: a\n    endpiont: http://127.0.0.1:1/v1\n")
    monkeypatch.setenv("PLAUDIT_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match="endpoint"):
        run("--chat-models", str(file), "--chat-port", "0")


def test_a_port_that_is_taken_is_said(unused_port: Any) -> None:
    with unused_port as port, pytest.raises(ServiceUnavailableError, match="PLAUDIT_CHAT_PORT"):
        run("--chat-port", str(port))


@pytest.fixture
def unused_port() -> Any:
    import contextlib
    import socket

    @contextlib.contextmanager
    def taken() -> Any:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            bound.listen()
            yield bound.getsockname()[1]

    return taken()


def test_the_command_and_its_settings_load_neither_gradio_nor_a_web_framework() -> None:
    code = (
        "import sys, plaudit_producers, plaudit_producers.commands.chat\n"
        "print([name for name in ('gradio', 'huggingface_hub', 'starlette') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
