"""`plaudit chat`: a page where people chat with models and judge the answers."""

from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

from plaudit_schemas.commands import Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_producers.chat.settings import ChatSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Serves a page where people chat with models and judge the answers, and records both. Without a file "
        "of models a built-in responder answers, so that the page can be tried at once. It needs "
        "pip install 'plaudit-producers[chat]', and nothing of the internet."
    )
    add_log_level(parser)
    add_arguments(
        parser,
        ConnectionSettings,
        ChatSettings,
        HttpSettings,
        main=("bootstrap_servers", "chat_port", "chat_models"),
    )


def run(arguments: Namespace) -> int:
    connection, settings = load(ConnectionSettings, arguments), load(ChatSettings, arguments)
    require_gradio()
    from plaudit_producers.chat.page.server import run_chat  # noqa: PLC0415  # loads Gradio when used

    return run_chat(settings, connection, load(HttpSettings, arguments), log_level=arguments.log_level)


def require_gradio() -> None:
    """Make sure that the extra is there.

    Raises:
        SettingsError: it is not installed.
    """
    if any(find_spec(module) is None for module in ("gradio", "huggingface_hub")):
        raise SettingsError("the chat page needs Gradio: pip install 'plaudit-producers[chat]'")


COMMAND = Command("chat", "serve a page where people chat with models and judge the answers", configure, run)
