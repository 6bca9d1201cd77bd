"""Repair one value, by its type in the contract. Records within records are for `repair`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from plaudit_schemas.contract.field_types import Content, Id, Metadata, ParentId, too_long
from plaudit_schemas.contract.limits import METADATA_ENTRIES, SPANS_LIMIT
from plaudit_schemas.contract.records import refuse
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.sdk.fitting import encodable, fitting_id, fitting_text
from plaudit_producers.sdk.repair_notes import RepairNotes
from plaudit_producers.sdk.repair_values import given, id_of, number_of, text_of, whole_of

FieldRepair = Callable[[Any, str, RepairNotes], Any]
"""Takes a value, the name of its field, and where to note repairs. Raises what cannot be repaired."""

_NEVER_CUT: Final = frozenset(("tools", "parameters", "uri", "labels", "correction"))
"""Texts of which a part is worth nothing, or which would teach the mark: JSON, links and corrections."""
_NAMES: Final = frozenset(("aspect", "name", "signal"))
"""Ids that are names. A name that is made up would be a series of its own."""
_ALL_OR_NONE: Final = frozenset(("candidates", "ranking"))
_MOST_ITEMS: Final = {"labels": METADATA_ENTRIES, "spans": SPANS_LIMIT}


def repair_text(value: Any, field: str, notes: RepairNotes) -> str:
    """A text that fits: converted, encodable, and cut."""
    text = text_of(value, field)
    if not isinstance(given(value), str):
        notes.add("converted", field)
    readable = encodable(text)
    if readable is not text:
        notes.add("encoding", field)
    if not too_long(readable):
        return readable
    if field in _NEVER_CUT:
        refuse(field, "is too long, and of no use if it is cut")
    notes.add("cut", field)
    return fitting_text(readable)


def repair_id(value: Any, field: str, notes: RepairNotes) -> str:
    """An id that fits. The same one is always made of the same value."""
    text = id_of(value, field)
    fitting = fitting_id(text)
    if fitting is None or (fitting != text and field in _NAMES):
        refuse(field, "is empty or too long")
    if fitting is not text:
        notes.add("id", field)
    elif not isinstance(given(value), str):
        notes.add("converted", field)
    return fitting


def repair_texts(value: Any, field: str, notes: RepairNotes) -> dict[str, str]:
    """Tags or metadata. Entries without a text are left out, and those that are too many."""
    value = given(value)
    if not isinstance(value, Mapping):
        refuse(field, f"must be a dict of texts, not {type(value).__name__}")
    repaired: dict[str, str] = {}
    for name, text in value.items():
        if len(repaired) == METADATA_ENTRIES:
            notes.add("omitted", field)
            break
        try:
            if text is None:
                refuse(field, "has an entry without a text")
            entry = repair_text(name, field, notes), repair_text(text, field, notes)
        except InvalidEventError:
            notes.add("omitted", field)
        else:
            repaired[entry[0]] = entry[1]
    return repaired


def list_repair(item: FieldRepair) -> FieldRepair:
    """The repair of a list. Items that cannot be repaired are left out, and those that are too many."""

    def repair(value: Any, field: str, notes: RepairNotes) -> list[Any]:
        items = given(value)
        if not isinstance(items, list | tuple):
            refuse(field, f"must be a list, not {type(items).__name__}")
        repaired: list[Any] = []
        for each in items:
            try:
                repaired.append(item(each, field, notes))
            except InvalidEventError:
                if field in _ALL_OR_NONE:
                    raise
                notes.add("omitted", field)
        most = _MOST_ITEMS.get(field, len(repaired))
        if len(repaired) > most:
            notes.add("omitted", field)
        return repaired[:most]

    return repair


def symbol_repair(symbols: tuple[str, ...]) -> FieldRepair:
    """The repair of one of some words: also of one in capitals."""

    def repair(value: Any, field: str, notes: RepairNotes) -> str:
        text = id_of(value, field)
        word = text.strip().lower()
        if word not in symbols:
            refuse(field, f"must be one of {', '.join(symbols)}")
        if word != text:
            notes.add("converted", field)
        return word

    return repair


def _number(value: Any, field: str, notes: RepairNotes) -> float | int:
    number = number_of(value, field)
    if isinstance(given(value), str):
        notes.add("converted", field)
    return number


def _whole(value: Any, field: str, notes: RepairNotes) -> int:
    whole = whole_of(value, field)
    if type(given(value)) is not int:
        notes.add("converted", field)
    return whole


def _flag(value: Any, field: str, notes: RepairNotes) -> bool:  # noqa: ARG001  # as all repairs
    value = given(value)
    if not isinstance(value, bool):
        refuse(field, "must be True or False")
    return value


def _as_it_is(value: Any, field: str, notes: RepairNotes) -> Any:  # noqa: ARG001  # as all repairs
    return given(value)


_BY_TYPE: Final[tuple[tuple[Any, FieldRepair], ...]] = (
    (Content, repair_text),
    (Id, repair_id),
    (ParentId, lambda value, field, notes: "" if given(value) == "" else repair_id(value, field, notes)),
    (Metadata, repair_texts),
    (bool, _flag),
    (int, _whole),
    (float, _number),
)


def simple_repair(hint: Any) -> FieldRepair:
    """The repair for a type that is no record, list or union. Times and other types stay as they are."""
    if get_origin(hint) is Literal:
        return symbol_repair(get_args(hint))
    return next((repair for known, repair in _BY_TYPE if known == hint), _as_it_is)
