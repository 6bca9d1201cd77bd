"""Which conversations a snapshot counts, and what a row of several says of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import ConditionError
from plaudit_consumers.datasets.plan import SnapshotPlan

from tests.consumers.live_root import Root, rows_of, thumb, turn


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _chat(root: Root, name: str, like: bool = True, **more: Any) -> None:
    """A chat with the same question and answer as the others."""
    messages = turn("q", "user", content="hours?"), turn("a", parent="q", content="Nine to five.")
    root.judged(name, *messages, feedback=[thumb("a", like, rater=name)], **more)


def _built(root: Root, name: str = "snapshot", **options: Any) -> Path:
    output = root.publish().folder.parent / name
    build_snapshot(str(root.folder), SnapshotPlan(output=output, shares=(1, 0, 0), **options))
    return output


@pytest.mark.slow
def test_a_condition_on_conversations_is_applied_before_votes_are_added_up(root: Root) -> None:
    _chat(root, "early", source="import")
    for number in range(3):
        _chat(root, f"c{number}", like=False, minute=1 + number, source="gateway")
    everything = _built(root, "everything")
    (row,) = rows_of(everything, "kto")
    assert (row["conversation_id"], row["label"], row["votes"]) == ("early", False, 4)
    snapshot = _built(root, where_conversation="source = 'gateway'")
    (row,) = rows_of(snapshot, "kto")
    assert (row["conversation_id"], row["label"], row["votes"], row["agreement"]) == ("c0", False, 3, 1.0)
    assert {row["conversation_id"] for row in rows_of(snapshot, "conversations")} == {"c0", "c1", "c2"}
    manifest = json.loads((snapshot / "manifest.json").read_text())
    assert manifest["where_conversation"] == "source = 'gateway'"
    assert manifest["left_out"]["conversations"] == {"filtered": 1}
    assert manifest["accounts"]["judgements"] == 3
    assert "of conversations `source = 'gateway'`" in (snapshot / "README.md").read_text()


def test_a_condition_on_conversations_that_is_null_leaves_them_out(root: Root) -> None:
    _chat(root, "named", user="u")
    _chat(root, "nameless", minute=1)
    (row,) = rows_of(_built(root, where_conversation="conversation.user_id = 'u'"), "kto")
    assert (row["conversation_id"], row["votes"]) == ("named", 1)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        pytest.param("sourc = 'sdk'", "--where-conversation does not fit the columns", id="no such column"),
        pytest.param("random() > 0.5", "--where-conversation uses random", id="chance"),
        pytest.param("_selected", "--where-conversation uses _selected", id="a hidden column"),
        pytest.param("source = 'sdk", "--where-conversation", id="no SQL"),
    ],
)
def test_a_condition_that_cannot_be_used_is_named(root: Root, condition: str, says: str) -> None:
    _chat(root, "c")
    with pytest.raises(ConditionError, match=says):
        _built(root, where_conversation=condition)
    assert not (root.folder.parent / "snapshot").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        pytest.param(["mit", "mit"], "mit", id="the same"),
        pytest.param(["mit", "cc-by-4.0"], "cc-by-4.0, mit", id="two"),
        pytest.param(["mit", None], None, id="one is unknown"),
    ],
)
def test_a_row_of_several_conversations_names_the_licences_of_all(
    root: Root, licences: list[str | None], expected: str | None
) -> None:
    for number, licence in enumerate(licences):
        _chat(root, f"c{number}", minute=number, licence=licence)
    (row,) = rows_of(_built(root), "kto")
    assert row["licence"] == expected
