"""A slot's name is in Redis and in every finished record, so it must stay the JSON that it always was."""

import json

from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.contract.words import slot_name

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=1))
def test_a_name_is_the_json_list_of_its_parts(
    message_id: str, rater_id: str, aspect: str, kind: str, signal: str, judge: list[str]
) -> None:
    feedback = {"aspect": aspect, "kind": kind, "signal": signal}
    name = slot_name(message_id, "user", rater_id, feedback, *judge)
    parts = [message_id, "user", rater_id, aspect, kind, signal, *judge]
    assert name == json.dumps(parts, ensure_ascii=False)
