"""What became of events whose content breaks the contract: counted, logged and reported."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import BODY_NAMES, short_name
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import AspectError, PlauditError

from plaudit_producers.errors import EventSizeError, RedactionError
from plaudit_producers.sdk.repair_notes import Repair

log: Final = logging.getLogger("plaudit_producers")

RejectionKind = Literal["invalid", "aspect", "too_large", "redaction"]
"""Why an event was not sent: it breaks the contract, does not fit the declared aspects, is too large, or the
`redact` hook failed."""

_FIRST_INTERVAL_S: Final = 60.0
_LONGEST_INTERVAL_S: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class ContentProblem:
    """What was wrong with the content of one event.

    Attributes:
        body: the kind of event, such as AddMessage.
        sent: False if the event was rejected.
        repairs: what was repaired; empty for a rejected event.
        error: why it was rejected. Its text may hold content.
    """

    event_id: str
    conversation_id: str
    body: str
    sent: bool
    repairs: tuple[Repair, ...] = ()
    error: PlauditError | None = None


ProblemCallback = Callable[[ContentProblem], None]
"""Called on the sender's thread with each event that was repaired or rejected. It must be quick. An exception
that it raises is logged and otherwise ignored."""


class ContentProblems:
    """Counts and reports the problems of one producer. Thread-safe.

    Attributes:
        repaired: how many events had a repair, by its kind.
        rejected: how many events were not sent, by reason.
    """

    def __init__(
        self, on_problem: ProblemCallback | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.repaired: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._on_problem, self._clock = on_problem, clock
        self._lock = Lock()
        self._next: dict[tuple[str, str, str], tuple[float, float]] = {}

    def note_repairs(self, record: Record, repairs: Sequence[Repair]) -> None:
        """Count, log and report that an event was repaired."""
        body = _body_of(record)
        with self._lock:
            self.repaired.update({kind for kind, _ in repairs})
        for kind, field in repairs:
            self._log(
                (kind, body, field),
                "%s of %s does not fit and was repaired (%s); see stats().repaired, or set strict=True",
                (field, body, kind),
            )
        self._report(ContentProblem(*_ids_of(record), body, sent=True, repairs=tuple(repairs)))

    def note_rejection(self, record: Record, error: PlauditError) -> ContentProblem:
        """Count, log and report that an event was not sent."""
        kind, body = rejection_of(error), _body_of(record)
        with self._lock:
            self.rejected[kind] += 1
        # Neither value nor id: they may hold what no log should.
        self._log(
            (kind, body, _field_of(error)),
            "%s was not sent because of %s (%s); see stats().rejected, or set strict=True",
            (body, _field_of(error), kind),
        )
        problem = ContentProblem(*_ids_of(record), body, sent=False, error=error)
        self._report(problem)
        return problem

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many events were repaired and rejected, by reason."""
        with self._lock:
            return dict(self.repaired), dict(self.rejected)

    def _log(self, place: tuple[str, str, str], message: str, arguments: tuple[str, ...]) -> None:
        """Log once for each reason, then after a minute, two, four ... up to six hours."""
        now = self._clock()
        with self._lock:
            due, interval = self._next.get(place, (now, _FIRST_INTERVAL_S))
            if now < due:
                return
            self._next[place] = now + interval, min(2 * interval, _LONGEST_INTERVAL_S)
        with suppress(Exception):  # of the program's own log handlers
            log.warning(message, *arguments)

    def _report(self, problem: ContentProblem) -> None:
        if self._on_problem is not None:
            try:
                self._on_problem(problem)
            except Exception:
                log.exception("on_problem raised for event %s", printable(problem.event_id))


def rejection_of(error: PlauditError) -> RejectionKind:
    """The reason that counts for an error."""
    if isinstance(error, AspectError):
        return "aspect"
    if isinstance(error, EventSizeError):
        return "too_large"
    return "redaction" if isinstance(error, RedactionError) else "invalid"


def _field_of(error: PlauditError) -> str:
    """The field that an error begins with. The rest of its text may hold content."""
    if isinstance(error, RedactionError | EventSizeError):
        return "the redact hook" if isinstance(error, RedactionError) else "its size"
    word = str(error).partition(" ")[0].partition("[")[0].partition("'")[0]
    return word if word.isidentifier() else "it"


def _body_of(record: Record) -> str:
    """The kind of event, if the contract knows it: a caller's text may hold what no log can."""
    body = record.get("body")
    name = body[0] if isinstance(body, tuple) and body else None
    return short_name(name) if type(name) is str and name in BODY_NAMES else "an event"


def _ids_of(record: Record) -> tuple[str, str]:
    event_id, conversation_id = record.get("event_id"), record.get("conversation_id")
    return (
        event_id if isinstance(event_id, str) else "",
        conversation_id if isinstance(conversation_id, str) else "",
    )
