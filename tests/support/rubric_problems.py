"""What is wrong with the file of a rubric."""

from typing import Any

import pytest
import yaml
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.errors import RubricError
from plaudit_schemas.review.rubric_file import parse_rubric


def problems_in(document: Any, aspects: Aspects | None = None) -> list[str]:
    """All that is wrong with a file that has these fields, or this text."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    with pytest.raises(RubricError) as raised:
        parse_rubric(text.encode(), "the rubric x", aspects)
    assert raised.value.problems
    return list(raised.value.problems)
