"""The rule that each case of a parametrised test has an id that names it in a report."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

_WORD = re.compile(r"[^\W\d_]{2,}")
_CODE = re.compile(r"[\\{}]|<lambda>")
_LONGEST = 80


def refuse_nameless_cases(items: Iterable[pytest.Item]) -> None:
    """Refuse to run tests if a case has an id that does not name it.

    Raises:
        UsageError: an id says nothing about its case, or is too long.
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
    """Whether an id names its case.

    Such an id has a word, has no code, is not too long, and is not pytest's own `parameter0`.
    """
    parts = [part for part in case.split("-") if part not in ("True", "False", "None")]
    fallbacks = {part for part in parts if part.rstrip("0123456789") in parameters and part not in parameters}
    worded = any(_WORD.search(part) for part in parts)
    return worded and not fallbacks and not _CODE.search(case) and len(case) <= _LONGEST
