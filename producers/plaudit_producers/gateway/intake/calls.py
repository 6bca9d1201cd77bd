"""Model calls that a request brings, as events: what is new of each conversation. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.gateway.intake.aliases import MessagePlace
from plaudit_producers.gateway.intake.outcomes import RefusalReason
from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.model_calls.events import CallEvent, CallEvents, events_of
from plaudit_producers.model_calls.memory import CallMemory, KnownConversation

MAX_MESSAGES: Final = 10_000
"""The messages that one call may bring. All of them are in memory at once, each as an event."""


class IncomingCall(NamedTuple):
    """A call, and further ids by which feedback may name its answer beside the id of the response."""

    call: ModelCall
    aliases: tuple[str, ...] = ()


def check_length(call: ModelCall) -> None:
    """Check that a call can be taken.

    Raises:
        InvalidEventError: it brings too many messages.
    """
    if len(call.given) + len(call.answers) > MAX_MESSAGES:
        raise InvalidEventError(f"the call has more than {MAX_MESSAGES} messages")


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of a call.

    Attributes:
        status: `accepted` if Kafka has every event of it that is new, else `refused`.
        detail: why the first of its refused events was refused; empty if none was.
        reason: the kind of that refusal.
    """

    conversation_id: str
    message_ids: tuple[str, ...]
    reason: RefusalReason | None = None
    detail: str = ""

    @property
    def status(self) -> str:
        return "accepted" if self.reason is None else "refused"


class PreparedCalls:
    """The events of one request's calls, in order, without those that are known to be in Kafka.

    Attributes:
        events: of all calls.
    """

    def __init__(self, application: str, memory: CallMemory, calls: Sequence[IncomingCall]) -> None:
        self._application = application
        self._memory = memory
        known: dict[str, KnownConversation] = {}
        self._calls = [(incoming, self._made(incoming.call, known)) for incoming in calls]
        self.events: list[CallEvent] = [event for _, made in self._calls for event in made.events]

    def _made(self, call: ModelCall, known: dict[str, KnownConversation]) -> CallEvents:
        """The events of a call. What the calls before it in the request bring is known, too."""
        named = call.conversation_id
        if not named:
            return events_of(call, self._application)
        if named not in known:
            with self._memory.lock:
                known[named] = self._memory.conversation(self._name(named)).copy()
        made = events_of(call, self._application, known[named])
        for event in made.events:
            known[named].add(event.sent_id, event.message)
        return made

    def results(self, answers: Sequence[Mapping[str, Any]]) -> list[CallResult]:
        """What became of each call.

        Args:
            answers: the result of each event, in the order of `events`.
        """
        following = iter(answers)
        found = []
        for _, made in self._calls:
            own = [next(following) for _ in made.events]
            refused = next((answer for answer in own if answer["status"] != "accepted"), None)
            found.append(
                CallResult(
                    made.conversation_id,
                    made.answer_ids,
                    None if refused is None else refused["reason"],
                    "" if refused is None else refused["detail"],
                )
            )
        return found

    def remember(self, results: Iterable[CallResult]) -> None:
        """Remember the calls that Kafka has, so that their events are not sent again."""
        with self._memory.lock:
            for (incoming, made), result in zip(self._calls, results, strict=True):
                if result.reason is None and incoming.call.conversation_id:
                    for event in made.events:
                        self._memory.add(self._name(made.conversation_id), event.sent_id, event.message)

    def places(self, results: Iterable[CallResult]) -> dict[str, MessagePlace]:
        """Where the answers are of the calls that Kafka has, by all their other ids."""
        found: dict[str, MessagePlace] = {}
        for (incoming, made), result in zip(self._calls, results, strict=True):
            if result.reason is None and made.answer_ids:
                place = MessagePlace(made.conversation_id, made.answer_ids[0])
                names = (incoming.call.response_id, *incoming.aliases)
                found |= {name: place for name in names if name}
        return found

    def _name(self, conversation_id: str) -> str:
        return f"{self._application}/{conversation_id}"
