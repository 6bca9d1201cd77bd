"""Ask a registry for the schema's id while events are already being sent (docs/decisions/0021)."""

from collections.abc import Callable
from threading import Event, Thread

from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.errors import RegistryError

from plaudit_producers.sdk.outbox import DeliveryReporter

_AGAIN_S = 5.0  # between two attempts


class RegisteredId:
    """Asks until the registry answers. It has its own thread, as the client's thread must serve reports.

    Args:
        schemas: the registry. Its `id_of` may block.
        use: called once with the id, on that thread.
    """

    def __init__(self, schemas: SchemaSource, use: Callable[[int], None], reporter: DeliveryReporter) -> None:
        self._schemas, self._use, self._reporter = schemas, use, reporter
        self._stop = Event()
        self._thread = Thread(target=self._ask, name="plaudit-registry", daemon=True)

    def start(self) -> None:
        """Start asking. Idempotent."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Stop asking. Does not wait for the thread: it may be in a request, and ends after that."""
        self._stop.set()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self._use(self._schemas.id_of("conversation_event"))
            except RegistryError as error:
                self._reporter.log_failure(
                    "registry", "no schema id from the registry; events carry the packaged id: %s", error
                )
                self._stop.wait(_AGAIN_S)
            else:
                return
