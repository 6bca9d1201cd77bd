"""Whether the cases of a parametrised test have ids that tell them apart in a report."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

_WORD = re.compile(r"[^\W\d_]{2,}")
_CODE = re.compile(r"[\\{}]|<lambda>")
_LONGEST = 80


def refuse_nameless_cases(items: Iterable[pytest.Item]) -> None:
    """Refuse to run tests whose cases cannot be told apart in a report.

    Raises:
        UsageError: an id says nothing of its case, or too much.
    """
    nameless = [item.nodeid for item in items if isinstance(item, pytest.Function) and _is_nameless(item)]
    if nameless:
        heading = "these cases need telling ids, by `ids` or `pytest.param(..., id=)`:"
        raise pytest.UsageError("\n".join([heading, *nameless]))


def _is_nameless(item: pytest.Function) -> bool:
    callspec: Any = getattr(item, "callspec", None)
    if callspec is None:
        return False
    return not all(is_telling(str(case), callspec.params) for case in callspec._idlist)


def is_telling(case: str, parameters: Any) -> bool:
    """Whether one id names its case: with a word, without code, and not by a parameter and a number."""
    parts = [part for part in case.split("-") if part not in ("True", "False", "None")]
    fallbacks = {part for part in parts if part.rstrip("0123456789") in parameters and part not in parameters}
    worded = any(_WORD.search(part) for part in parts)
    return worded and not fallbacks and not _CODE.search(case) and len(case) <= _LONGEST
