"""The metadata in the footer of a sink's file, also as sinks of before wrote it."""

import json
from typing import Any

import pytest
from plaudit_consumers.sink.files.metadata import FileMetadata

TODAY = {
    "layout": "v1", "subset": "conversations", "topic": "t", "topic_id": "i", "partition": 0,
    "first": 0, "last": 9, "rows": 10, "conversations": 0, "source": {"offset": 9, "finished_at": 5},
}  # fmt: skip
BEFORE = {"settings": {"training_licence": "cc0", "sft_min_score": 0.9}, "rules": 2, "derived": {"sft": 3}}


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        pytest.param({**TODAY, "licence": "cc0"}, "cc0", id="of today"),
        pytest.param({**TODAY, "licence": None}, None, id="of today without one"),
        pytest.param({**TODAY, **BEFORE}, "cc0", id="of a sink of before"),
        pytest.param({**TODAY, "settings": {"training_licence": None}}, None, id="of before without one"),
        pytest.param({**TODAY, "more": 1}, None, id="of a newer sink"),
    ],
)
def test_what_a_footer_says_is_read(said: dict[str, Any], licence: str | None) -> None:
    found = FileMetadata.model_validate_json(json.dumps(said))
    assert (found.licence, found.rows, found.source.offset) == (licence, 10, 9)
    again = json.loads(found.footer_entries()["plaudit"])
    assert again == {**TODAY, "licence": licence}
