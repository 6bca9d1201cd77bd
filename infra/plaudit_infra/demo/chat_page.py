"""The demo's chat page: a process of the line if its packages are installed, and what the view says of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from plaudit_producers.commands.chat import require_gradio
from plaudit_schemas.errors import SettingsError

from plaudit_infra.demo.errands import error_in
from plaudit_infra.demo.line import APPLICATION, DemoLine

if TYPE_CHECKING:
    from plaudit_infra.demo.services import PlauditService

_NAME: Final = "chat"


class DemoChatPage:
    """Serves the chat page. Whatever goes wrong with it is told, and the demo goes on.

    Args:
        models: the file of the models that one can chat with; None is the built-in responder.
    """

    def __init__(self, line: DemoLine, models: Path | None) -> None:
        self._line, self._models = line, models
        self._service: PlauditService | None = None
        self._missing = ""

    def start(self) -> None:
        """Start and keep the page, if its packages are installed. Returns at once."""
        try:
            require_gradio()
        except SettingsError as error:
            self._missing = str(error)
            self._line.add_note(f"no chat page: {error}")
            return
        words = [_NAME, "--chat-port", "{port}", "--chat-application", APPLICATION]
        if self._models is not None:
            words += ["--chat-models", str(self._models.resolve())]  # the process runs in another folder
        self._service = self._line.add_service(words)

    def lines(self) -> list[str]:
        """What the view says: the page's address, or why there is none."""
        return [f"chat       {self._state()}"]

    def _state(self) -> str:
        supervisor, service = self._line.supervisor, self._service
        if self._missing:
            return f"none: {self._missing}"
        if supervisor is None or service is None:
            return "not started yet"
        if supervisor.is_ready(_NAME):
            models = self._models
            who = models.name if models else "a built-in responder answers; --chat-models names models"
            return f"{service.address} ({who})"
        # The log of a process that ended is moved aside when it is started again.
        errors = [_error_in(service.log), _error_in(service.log.with_suffix(".previous.log"))]
        return next((f"not ready: {error}" for error in errors if error), "not ready yet")


def _error_in(log: Path) -> str:
    try:
        return error_in(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
