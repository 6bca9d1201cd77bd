"""The fold's checks of events from the log: no id and no map is left out."""

from typing import Any, get_args, get_origin

import pytest
from plaudit_schemas.contract.events import BODIES
from plaudit_schemas.contract.field_types import Id, Metadata, ParentId
from plaudit_schemas.contract.limits import ID_CHARACTERS, METADATA_ENTRIES
from plaudit_schemas.contract.log_checks import check_body
from plaudit_schemas.errors import InvalidEventError

NEVER_CHECKED = {"aspect"}
"""Of a comparison. To refuse it now would change what a replay of an old log gives."""


def limited_fields() -> set[tuple[str, int]]:
    """The fields of bodies that are ids or maps, with their limits."""
    found = set()
    for model in BODIES.values():
        for name in model.model_fields:
            if name not in NEVER_CHECKED:
                limit = _limit(model.__annotations__[name])
                found |= {(name, limit)} if limit else set()
    return found


def _limit(annotation: Any) -> int:
    kinds = [annotation] if get_origin(annotation) is list else [annotation, *get_args(annotation)]
    if any(kind in (Id, ParentId) for kind in kinds):
        return ID_CHARACTERS
    return METADATA_ENTRIES if Metadata in kinds else 0


def test_the_fields_are_found() -> None:
    found = limited_fields()
    assert ("message_id", ID_CHARACTERS) in found
    assert ("tags", METADATA_ENTRIES) in found
    assert len(found) > 10


@pytest.mark.parametrize(("name", "limit"), sorted(limited_fields()))
def test_each_has_its_limit_in_the_log_too(name: str, limit: int) -> None:
    check_body({name: "x" * limit}, 10)
    with pytest.raises(InvalidEventError, match=f"^{name} has {limit + 1}"):
        check_body({name: "x" * (limit + 1)}, 10)
