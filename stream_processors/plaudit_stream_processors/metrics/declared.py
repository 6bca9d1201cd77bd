"""What the declared aspects of applications change: who gets counters first, and what the figures show.

The counters themselves are a function of the log. So another file of aspects changes no count, and a replay
and the audit, which may know another file, give the same.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from plaudit_schemas.contract.aspects import Aspects

from plaudit_stream_processors.metrics.agreement_counts import FAMILY as AGREEMENT
from plaudit_stream_processors.metrics.aspect_figures import FAMILY, LABEL_COLONS
from plaudit_stream_processors.metrics.figure import Counts
from plaudit_stream_processors.metrics.label_limit import AdmitValues
from plaudit_stream_processors.metrics.series import OTHER, label_value, text_of_part

AdmitUpTo = Callable[[str, list[str], int], Awaitable[list[bool]]]
"""Takes a kind, values and how many values of the kind there may be, as `ConversationStore.admit_labels`."""

_NO_LIMIT: Final = 1_000_000_000
_FAMILIES: Final = (FAMILY, AGREEMENT)
_ASPECT, _ASPECT_OF_AGREEMENT = 4, 2
"""Which part of a counter's name is the aspect."""


def declared_first(admit: AdmitUpTo, limit: int, aspects: Aspects) -> AdmitValues:
    """Admit up to `limit` values of a kind, and whatever is declared, even where others came before it."""
    declared = _declared_values(aspects)

    async def admit_values(kind: str, values: list[str]) -> list[bool]:
        known = declared.get(kind, frozenset())
        found: dict[str, bool] = {}
        for group, most in (
            ([value for value in values if value in known], _NO_LIMIT),
            ([value for value in values if value not in known], limit),
        ):
            if group:
                found.update(zip(group, await admit(kind, group, most), strict=True))
        return [found[value] for value in values]

    return admit_values


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


def _declared_values(aspects: Aspects) -> dict[str, frozenset[str]]:
    """Kind of value -> the values that are declared, of all applications."""
    every = [declaration for _, declarations in aspects for declaration in declarations]
    return {
        "aspect": frozenset(one.name for one in every),
        "label": frozenset(label_value(one.name, label) for one in every for label in one.labels),
    }
