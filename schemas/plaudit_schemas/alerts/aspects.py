"""The alert rules of declared aspects, by the direction of each (aspects.yaml)."""

import json
import re
from collections.abc import Iterable, Iterator

from plaudit_schemas.contract.aspects import OTHER_APPLICATIONS, AspectDeclaration, Aspects, Direction
from plaudit_schemas.contract.ratings import WITH_OWN_FIGURES

CHANGE = "model:plaudit_aspect_change:mean"


def watched(declaration: AspectDeclaration, direction: Direction) -> bool:
    """Whether an alert watches an aspect for changes against this direction."""
    voted = {"thumb", "number"}.intersection(declaration.kinds)
    return declaration.direction == direction and bool(voted) and declaration.name not in WITH_OWN_FIGURES


def changes_of(aspects: Aspects, direction: Direction) -> str:
    """PromQL for the changes of all aspects of a direction; empty if there are none."""
    return " or ".join(_selectors(aspects, direction))


def _selectors(aspects: Aspects, direction: Direction) -> Iterator[str]:
    named = [application for application, _ in aspects if application != OTHER_APPLICATIONS]
    for application, declarations in aspects:
        names = [declaration.name for declaration in declarations if watched(declaration, direction)]
        if not names:
            continue
        matchers = [_matcher("aspect", "=", names)]
        if application != OTHER_APPLICATIONS:
            matchers.insert(0, _matcher("application", "=", [application]))
        elif named:
            matchers.insert(0, _matcher("application", "!", named))
        yield f"{CHANGE}{{{','.join(matchers)}}}"


def _matcher(label: str, sign: str, values: Iterable[str]) -> str:
    pattern = "|".join(map(re.escape, values))
    # A string of PromQL has the escapes of Go, and JSON's are among them.
    return f"{label}{sign}~{json.dumps(pattern, ensure_ascii=False)}"
