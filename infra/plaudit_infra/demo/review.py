"""The demo's review: a rubric, the process that keeps its queue, and what the view says of them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.rubric_file import read_rubric
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.demo.line import DemoLine

if TYPE_CHECKING:
    from plaudit_infra.demo.services import PlauditService

RUBRIC: Final = Path(__file__).with_name("rubric.yaml")
_NAME: Final = "review-queue"
_FIGURE: Final = re.compile(r"^plaudit_review_queue_(items|done_items)\{[^}]*\} (\S+)$", re.MULTILINE)


class DemoReview:
    """Publishes a rubric and keeps its queue. Whatever goes wrong is told, and the demo goes on."""

    def __init__(self, line: DemoLine, connection: ConnectionSettings) -> None:
        self._line, self._connection = line, connection
        self._service: PlauditService | None = None
        self._trouble = ""
        self._title = ""

    def start(self) -> None:
        """Publish the rubric, and start the process. Waits for Kafka for a moment."""
        try:
            rubric = read_rubric(RUBRIC)
            self._publish(rubric)
        except PlauditError as error:
            self._trouble = str(error)
            self._line.add_note(f"nothing to review: {error}")
            return
        self._title = f"{rubric.name}@{rubric.version}"
        words = f"{_NAME} --review-queue-web-port {{port}} --review-queue-session-s 4 --review-queue-look-s 1"
        self._service = self._line.add_service(words.split())

    def lines(self) -> list[str]:
        """What the view says: the rubric, and how far its queue is."""
        return [f"review     {self._state()}"]

    def _publish(self, rubric: Rubric) -> None:
        settings = load(ReviewSettings, environ=self._line.review_environ)
        with RubricRegistry(self._connection) as registry:
            registry.publish(rubric, settings, published_by="demo")

    def _state(self) -> str:
        supervisor, service = self._line.supervisor, self._service
        if self._trouble:
            return f"none: {self._trouble}"
        if supervisor is None or service is None:
            return "not started yet"
        if not supervisor.is_ready(_NAME):
            return "not ready yet"
        figures = queue_figures(service.read("/metrics") or "")
        items, done = figures.get("items", 0), figures.get("done_items", 0)
        return f"{items:,} answers in the queue {self._title}, {done:,} of them done (console: Review)"


def queue_figures(metrics: str) -> dict[str, int]:
    """Name -> figure of the review queues, all together, from metrics in Prometheus' text format."""
    found: dict[str, int] = {}
    for name, value in _FIGURE.findall(metrics):
        found[name] = found.get(name, 0) + int(float(value))
    return found
