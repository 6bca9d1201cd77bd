"""Ids that fit, made of any value."""

from typing import Any

from plaudit_schemas.contract.limits import ID_CHARACTERS
from plaudit_schemas.errors import raise_interrupt

from plaudit_producers.sdk.repair_notes import Repair, RepairNotes


def is_usable_id(value: Any) -> bool:
    """Whether a value is an id that fits, as nearly all are; False says that it may have to be repaired."""
    return type(value) is str and 0 < len(value) <= ID_CHARACTERS and value.isascii()


def usable_id(value: Any, field: str) -> tuple[str, list[Repair]]:
    """An id that fits, and what was repaired for it; an empty id if none can be made of the value.

    The same id is always made of the same value.
    """
    if is_usable_id(value):
        return value, []
    from plaudit_producers.sdk.repair_fields import repair_id  # noqa: PLC0415  # most programs need no repair

    notes = RepairNotes()
    try:
        return repair_id(value, field, notes), notes.repairs()
    except Exception as error:  # a value's class may be anybody's code, and so raise anything
        raise_interrupt(error)
        return "", [Repair("id", field)]
