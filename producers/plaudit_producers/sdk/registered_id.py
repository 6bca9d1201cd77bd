"""The schema's id in a registry, asked for while events already go out (docs/decisions/0021)."""

from collections.abc import Callable
from threading import Event, Thread

from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.errors import RegistryError

from plaudit_producers.sdk.outbox import DeliveryReporter

_AGAIN_S = 5.0


class RegisteredId:
    """Asks until the registry answers, on a thread of its own: the client's thread has reports to serve.

    Args:
        schemas: a registry; `id_of` may block.
        use: called once, with the id.
    """

    def __init__(self, schemas: SchemaSource, use: Callable[[int], None], reporter: DeliveryReporter) -> None:
        self._schemas, self._use, self._reporter = schemas, use, reporter
        self._stop = Event()
        self._thread = Thread(target=self._ask, name="plaudit-registry", daemon=True)

    def start(self) -> None:
        """Begin to ask; idempotent."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more. Does not wait: the thread may be in a request, and ends after it."""
        self._stop.set()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self._use(self._schemas.id_of("conversation_event"))
            except RegistryError as error:
                self._reporter.log_failure(
                    "registry", "events carry the packaged schema id meanwhile: %s", error
                )
                self._stop.wait(_AGAIN_S)
            else:
                return
