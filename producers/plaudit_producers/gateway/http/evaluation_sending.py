"""Sends results of evaluations that a request of telemetry brings, or keeps them until their answer comes."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson
from plaudit_schemas.errors import InvalidEventError, ServiceUnavailableError
from starlette.requests import Request

from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.pacing import RequestPace
from plaudit_producers.gateway.http.sending import problem_of, send_taken
from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.otlp.evaluations import Evaluation, feedback_documents
from plaudit_producers.gateway.intake.outcomes import OutgoingEvent, RefusedEvent
from plaudit_producers.gateway.services import services_of

log: Final = logging.getLogger("plaudit.gateway")

_WAITING: Final = "evaluation/"
_SOMEWHERE: Final = MessagePlace("conversation", "message")
_AT_ONCE: Final = 100  # results between two pauses, in which other requests are served

Taken = OutgoingEvent | RefusedEvent


@dataclass(slots=True)
class TelemetryOutcome:
    """What became of a request.

    Attributes:
        recorded: the spans or log records that said something new or known.
        refusals: why others were refused for good, one for each.
    """

    recorded: int = 0
    refusals: list[str] = field(default_factory=list)


class EvaluationSending:
    """The results of one request on their way. Its methods raise as `send_telemetry`, or if Redis is away."""

    def __init__(
        self, request: Request, principal: Principal, outcome: TelemetryOutcome, pace: RequestPace
    ) -> None:
        self._request = request
        self._principal = principal
        self._services = services_of(request)
        self._outcome = outcome
        self._pace = pace

    async def send(self, evaluations: Sequence[Evaluation], places: Mapping[str, MessagePlace]) -> None:
        """Send results. Those of answers that are not known yet wait in Redis.

        Args:
            places: where answers of the same request are, by their other names.
        """
        checked = []
        for number, each in enumerate(evaluations):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if self._is_valid(each):
                checked.append(each)
        known = {**await self._find(checked, places), **places}
        late = [each for each in checked if _place_of(each, known) is None]
        await self._keep(late)
        # A call that came in the meantime has not seen what waits.
        known |= await self._find(late, known)
        placed = [(each, place) for each in checked if (place := _place_of(each, known)) is not None]
        await self._send_placed(placed, self._principal)
        self._outcome.recorded += len(checked)

    async def send_waiting(self, places: Mapping[str, MessagePlace]) -> None:
        """Send the results that waited for these answers. Without Redis the calls are taken all the same."""
        application, notes = self._principal.application, self._services.notes
        try:
            waiting = await notes.read(application, [_WAITING + name for name in places])
        except ServiceUnavailableError as error:
            log.warning("results of evaluations may wait in vain: %s", error)
            return
        if not waiting:
            return
        placed = [
            (Evaluation(*orjson.loads(note)), places[name.removeprefix(_WAITING)])
            for name, kept in waiting.items()
            for note in kept
        ]
        # They were checked with the rights of whoever sent them.
        await self._send_placed(placed, replace(self._principal, roles=frozenset(("producer", "reviewer"))))
        with contextlib.suppress(ServiceUnavailableError):  # they are sent again then, with the same ids
            await notes.remove(application, waiting)

    def _is_valid(self, evaluation: Evaluation) -> bool:
        """Whether a result could be sent if its answer were known. Otherwise it is refused here."""
        try:
            taken = self._taken(evaluation, _SOMEWHERE, self._principal)
        except InvalidEventError as error:
            self._outcome.refusals.append(str(error))
            return False
        refused = [each.detail for each in taken if isinstance(each, RefusedEvent)]
        self._outcome.refusals += refused[:1]
        return not refused

    async def _find(
        self, evaluations: Iterable[Evaluation], known: Mapping[str, MessagePlace]
    ) -> dict[str, MessagePlace]:
        names = [name for each in evaluations for name in each.aliases if name not in known]
        return await self._services.aliases.find(self._principal.application, names) if names else {}

    async def _keep(self, evaluations: Iterable[Evaluation]) -> None:
        notes: dict[str, list[bytes]] = {}
        for each in evaluations:
            note = orjson.dumps([dict(each.fields), each.span, each.rater, each.time_ns])
            for name in each.aliases:
                notes.setdefault(_WAITING + name, []).append(note)
        if notes:
            await self._pace.admit_whole(len(notes))
            await self._services.notes.add(self._principal.application, notes)

    async def _send_placed(
        self, placed: Sequence[tuple[Evaluation, MessagePlace]], principal: Principal
    ) -> None:
        if placed:
            await self._pace.admit_whole(len(placed))
        for start in range(0, len(placed), _AT_ONCE):
            part = placed[start : start + _AT_ONCE]
            taken = [event for each, place in part for event in self._taken(each, place, principal)]
            answer = await send_taken(self._request, principal, taken)
            if answer.status == 503:
                raise problem_of(answer, {})

    def _taken(self, evaluation: Evaluation, place: MessagePlace, principal: Principal) -> list[Taken]:
        intake = self._services.intake
        declared = intake.aspects.find(principal.application, evaluation.aspect or "")
        return [
            intake.take_event(principal, document)
            for document in feedback_documents(evaluation, place, declared)
        ]


def _place_of(evaluation: Evaluation, known: Mapping[str, MessagePlace]) -> MessagePlace | None:
    named = evaluation.place
    return named or next((known[name] for name in evaluation.aliases if name in known), None)
