"""The API keys that a process knows, which outlive a store that is away, damaged or emptied."""

import logging
import threading
from collections.abc import Callable

from plaudit_producers.gateway.access.key_books import ApiKeys, KeyBook, lost_keys
from plaudit_producers.gateway.access.key_stores import KeyStore
from plaudit_producers.gateway.errors import KeyStoreError

log = logging.getLogger("plaudit.keys")


def _ignore() -> None:
    pass


class KnownKeys:
    """The keys as of the last reading, and those that the store has lost since.

    A key that was known stays known until it is revoked: a store that cannot be read, or that lacks it, does
    not lock anybody out. A key that was seen revoked stays so, whatever the store says later.

    Attributes:
        keys: those that are accepted; None before the first reading that succeeded.
        lost: the keys that the store lacks although nobody has revoked them.
        problem: what is wrong with the store; None if nothing is.
    """

    def __init__(self, store: KeyStore, on_failed: Callable[[], None] = _ignore) -> None:
        """`on_failed` is called each time that the store cannot be read."""
        self._store, self._on_failed = store, on_failed
        self.keys: ApiKeys | None = None
        self.lost: ApiKeys = {}
        self.problem: str | None = None
        self._revoked: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def read(self) -> bool:
        """Read the store, and return whether it could be read. Blocks; any thread may call it."""
        with self._lock:
            try:
                book = self._store.read()
            except KeyStoreError as error:
                self._on_failed()
                self._say(str(error))
                return False
            self._take(book)
            return True

    def require(self) -> None:
        """Raise KeyStoreError if the store cannot be used, and waiting will not change that."""
        self._store.require()

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()

    def _take(self, book: KeyBook) -> None:
        self._revoked |= book.revoked
        self.lost = {
            key_id: key
            for key_id, key in lost_keys(self.keys or {}, book).items()
            if key_id not in self._revoked
        }
        found = {key_id: key for key_id, key in book.keys.items() if key_id not in self._revoked}
        self.keys = {**self.lost, **found}
        self._say(_problem_of(self.lost, book._replace(keys=found)))

    def _say(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            known = len(self.keys or ())
            log.warning("%s; %d API keys are known and stay in use", problem, known)
        if problem is None and self.problem is not None:
            log.info("the store of API keys is in order again")
        self.problem = problem


def _problem_of(lost: ApiKeys, book: KeyBook) -> str | None:
    if lost:
        return (
            f"the store has lost {len(lost)} API keys that nobody has revoked ({', '.join(sorted(lost))}); "
            "`plaudit keys restore` brings them back from a backup, `plaudit keys revoke` refuses them"
        )
    if not book.keys:
        return (
            "there are no API keys, so nobody gets in; `plaudit keys create` makes one, and `plaudit keys "
            "restore` brings them back from a backup"
        )
    if book.unreadable:
        return f"API keys cannot be read by this release ({'; '.join(book.unreadable)})"
    return None
