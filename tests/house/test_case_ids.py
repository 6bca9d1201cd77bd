"""The rule for the ids of parametrised cases sees what it is for."""

import pytest

from tests.support.case_ids import is_telling


@pytest.mark.parametrize("case", ["empty", "killed with a spool", "True-after a stop", "v1/sft/notes.txt"])
def test_a_telling_id_passes(case: str) -> None:
    assert is_telling(case, {"spool": True, "how": "kill"})


@pytest.mark.parametrize(
    "case",
    ["", "wrong11", "True", "True-0", "7", '{"a": 1}', "\\x00;", "<lambda>0", "long " * 30],
    ids=["empty", "fallback", "boolean", "values alone", "number", "JSON", "escape", "function", "too long"],
)
def test_an_id_that_tells_nothing_is_seen(case: str) -> None:
    assert not is_telling(case, {"wrong": None})
