"""What a task in another tool carries of ours: enough to know later what was asked of whom, and of what."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.answers import ItemAddress
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget, item_id
from pydantic import ValidationError

from plaudit_producers.importers.label_studio import OURS

CARRIED: Final = OURS
"""The field that holds it, in a task's data or in a record's metadata."""
_ASKED: Final = ("name", "version", "application", "title", "target", "questions")
"""The fields of a rubric that go along. The others say what is selected, and which answers are expected."""


class CarriedItem(NamedTuple):
    """An item, and the rubric that asks.

    Attributes:
        rubric: without its guidelines, selection and controls.
        suggested: whether scores of models are shown as suggestions.
    """

    rubric: Rubric
    address: ItemAddress
    suggested: bool = False


def carried_item(
    rubric: Rubric,
    target: ReviewTarget,
    *,
    prompt_id: str = "",
    candidates: tuple[str, ...] = (),
    suggested: bool = False,
) -> CarriedItem:
    """The item of a target, with the part of the rubric that goes along."""
    name = item_id(rubric.application, rubric.name, target)
    asked = Rubric.model_validate({field: getattr(rubric, field) for field in _ASKED})
    return CarriedItem(asked, ItemAddress(name, target, prompt_id, candidates), suggested)


def carried_document(item: CarriedItem) -> dict[str, Any]:
    """An item as JSON."""
    address = item.address
    document: dict[str, Any] = {
        "rubric": item.rubric.model_dump(mode="json", exclude_defaults=True),
        "target": address.target._asdict(),
    }
    if address.prompt_id:
        document["prompt_id"] = address.prompt_id
    if address.candidates:
        document["candidates"] = list(address.candidates)
    if item.suggested:
        document["suggested"] = True
    return document


def read_carried(document: Any) -> CarriedItem:
    """The inverse of `carried_document`. The item's id is derived again.

    Raises:
        ValueError: it is no such document.
    """
    if not isinstance(document, Mapping):
        raise ValueError(  # noqa: TRY004  # a record may have any shape
            f"the field {CARRIED} of its data is missing or changed; only tasks that `plaudit review tasks` "
            "wrote say which item they are"
        )
    try:
        rubric = Rubric.model_validate(document["rubric"])
        target = ReviewTarget(**document["target"])
        candidates = tuple(map(str, document.get("candidates") or ()))
        return carried_item(
            rubric,
            target,
            prompt_id=str(document.get("prompt_id") or ""),
            candidates=candidates,
            suggested=bool(document.get("suggested")),
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"the field {CARRIED} was changed: {_reason(error)}") from None


def free_name(rubric: Rubric, wanted: str) -> str:
    """A name for a control that is no question of the rubric: `wanted`, with as many _ as it takes."""
    while rubric.question(wanted) is not None:
        wanted += "_"
    return wanted


def tie_name(rubric: Rubric, question: str) -> str:
    """The control beside a ranking that says that the answers are equal, or that none is acceptable."""
    return free_name(rubric, f"{question}__tie")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"lacks {error}" if isinstance(error, KeyError) else str(error)
