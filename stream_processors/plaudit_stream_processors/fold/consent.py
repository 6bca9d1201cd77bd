"""The user's consent to training. In doubt it is denied."""

from typing import Final, NamedTuple

from plaudit_schemas.contract.words import CANDIDATES

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.facts import set_fact
from plaudit_stream_processors.fold.rules import CLOCKS_VERSION, Rules

DENIED: Final = "denied"
_GRANTED: Final = "granted"


class _Denials(NamedTuple):
    """What one producer denied. A list of these is JSON in the state.

    Attributes:
        producer: empty if the events name none or have no sequence, and for what is past the bound.
        sequence: the highest one.
        arrived: the latest arrival, in microseconds.
        by_page: a page denied, and no server.
    """

    producer: str
    sequence: int
    arrived: int
    by_page: bool = False

    def as_json(self) -> list[object]:
        """As the state holds it; rules of before kept three parts."""
        return list(self) if self.by_page else list(self[:3])


def set_consent(state: ConversationState, consent: str, event: Event, rules: Rules) -> None:
    """Set the user's consent to training.

    A denial counts whenever it comes. Only a grant lifts it, and it must come after every denial so far: with
    a higher sequence of the same producer, or given when the denial had arrived already. A page's grant
    lifts only what pages denied. A page that neither grants nor denies says nothing.
    """
    if rules.version < CLOCKS_VERSION:
        set_fact(state, "consent", consent, event, rules)
        return
    if event.by_page and consent not in (DENIED, _GRANTED):
        return
    denials = _denials(state)
    if consent == DENIED:
        _deny(denials, event)
        state.stamps["consent"] = [one.as_json() for one in denials]
    elif state.facts.get("consent") == DENIED and not (
        consent == _GRANTED and all(_comes_after(event, one) for one in denials)
    ):
        return
    state.facts["consent"] = consent


def _deny(denials: list[_Denials], event: Event) -> None:
    sequence: int = event.record.get("sequence", -1)
    producer = event.record.get("producer", "") if sequence >= 0 else ""
    _merge(denials, _Denials(producer, sequence, event.arrived_ms * 1000, event.by_page))
    named = [one for one in denials if one.producer]
    if len(named) >= CANDIDATES:
        earliest = min(named, key=lambda one: one.arrived)
        denials.remove(earliest)
        _merge(denials, _Denials("", -1, earliest.arrived, earliest.by_page))


def _merge(denials: list[_Denials], one: _Denials) -> None:
    for at, known in enumerate(denials):
        if (known.producer, known.by_page) == (one.producer, one.by_page):
            sequence, arrived = max(known.sequence, one.sequence), max(known.arrived, one.arrived)
            denials[at] = _Denials(one.producer, sequence, arrived, one.by_page)
            return
    denials.append(one)


def _comes_after(grant: Event, denied: _Denials) -> bool:
    if grant.by_page and not denied.by_page:
        return False
    record = grant.record
    if denied.producer and record.get("producer") == denied.producer and "sequence" in record:
        later: bool = record["sequence"] > denied.sequence
        return later
    # A producer that does not count how long an event waited may have given it before the denial.
    return "held_ms" in record and grant.place > denied.arrived


def _denials(state: ConversationState) -> list[_Denials]:
    stamp = state.stamps.get("consent")
    if isinstance(stamp, list):
        return [_Denials(*one) for one in stamp]
    if state.facts.get("consent") != DENIED:
        return []
    # Rules version 1 kept the denial's event time only. It arrived no later than the last activity.
    return [_Denials("", -1, state.activity_ms * 1000)]
