"""What the declared aspects of applications change: who gets counters first, and what the figures show.

The counters themselves are a function of the log. So another file of aspects changes no count, and a replay
and the audit, which may know another file, give the same.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from plaudit_schemas.contract.aspects import Aspects

from plaudit_stream_processors.metrics.agreement_counts import FAMILY as AGREEMENT
from plaudit_stream_processors.metrics.aspect_figures import FAMILY, LABEL_COLONS
from plaudit_stream_processors.metrics.figure import Counts
from plaudit_stream_processors.metrics.generations import LabelGeneration
from plaudit_stream_processors.metrics.label_decisions import OwnValue
from plaudit_stream_processors.metrics.series import OTHER, label_value, text_of_part


class Places(Protocol):
    """The shared places, as `state.label_places` keeps them in Redis."""

    async def admit(
        self, kind: str, generation: LabelGeneration, values: Sequence[tuple[OwnValue, int]], cleared_ms: int
    ) -> list[bool] | None:
        """As `metrics.label_limit.Admission`, with the number of places beside each value."""

    async def clears(self) -> list[int]:
        """When places were cleared, in ms, ascending."""


_NO_LIMIT: Final = 1_000_000_000
_FAMILIES: Final = (FAMILY, AGREEMENT)
_ASPECT, _ASPECT_OF_AGREEMENT = 4, 2
"""Which part of a counter's name is the aspect."""


class DeclaredFirst:
    """Admits up to a number of values of each application, and whatever is declared."""

    def __init__(self, places: Places, limit: int, aspects: Aspects) -> None:
        self._places, self._limit = places, limit
        self._declared = declared_values(aspects)

    async def admit(
        self, kind: str, generation: LabelGeneration, values: list[OwnValue], cleared_ms: int
    ) -> list[bool] | None:
        """As `metrics.label_limit.Admission`."""
        known = self._declared.get(kind, frozenset())
        limited = [(value, _NO_LIMIT if value.value in known else self._limit) for value in values]
        # Those that are declared first: they may not find the last place taken by others of the same batch.
        order = sorted(range(len(values)), key=lambda at: values[at].value not in known)
        answers = await self._places.admit(kind, generation, [limited[at] for at in order], cleared_ms)
        if answers is None:
            return None
        found = dict(zip(order, answers, strict=True))
        return [found[at] for at in range(len(values))]

    async def clears(self) -> list[int]:
        """As `metrics.label_limit.Admission`."""
        return await self._places.clears()


def declared_only(counts: Counts, application: str, aspects: Aspects) -> Counts:
    """The counts with all aspects and labels that the application does not declare as `other`.

    An application that declares none keeps all of them.
    """
    if not aspects.declared(application):
        return counts
    shown: dict[str, int] = {}
    for counter, amount in counts.items():
        name = _declared(counter, application, aspects) if counter.startswith(_FAMILIES) else counter
        shown[name] = shown.get(name, 0) + amount
    return shown


def declared_values(aspects: Aspects) -> dict[str, frozenset[str]]:
    """Kind of value -> the values that are declared, of all applications. Other kinds have none."""
    every = [declaration for _, declarations in aspects for declaration in declarations]
    return {
        "aspect": frozenset(one.name for one in every),
        "label": frozenset(label_value(one.name, label) for one in every for label in one.labels),
    }


def _declared(counter: str, application: str, aspects: Aspects) -> str:
    parts = counter.split(":")
    at = _ASPECT_OF_AGREEMENT if counter.startswith(AGREEMENT) else _ASPECT
    declaration = aspects.find(application, text_of_part(parts[at]))
    if declaration is None:
        parts[at] = OTHER
    if at != _ASPECT:
        return ":".join(parts)
    labels = declaration.labels if declaration is not None else ()
    if len(parts) > LABEL_COLONS + 1 and labels and text_of_part(parts[5]) not in labels:
        parts[5] = OTHER
    return ":".join(parts)
