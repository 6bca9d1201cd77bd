"""What the list of feedback shows, and to whom."""

import pytest
from plaudit_consumers.dashboard.feedback import item_of
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.events import (
    AddMessage,
    AnyBody,
    CompareMessages,
    ConversationEvent,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import (
    Correction,
    Feedback,
    FeedbackValue,
    Label,
    Number,
    Rater,
    Signal,
    Text,
    Thumb,
)
from plaudit_schemas.examples import examples

WRITTEN = "what a person wrote"


def _record(body: AnyBody) -> dict[str, object]:
    return ConversationEvent(application="shop", conversation_id="secret-id", body=body).to_record()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param(Thumb(like=True), "like", id="like"),
        pytest.param(Thumb(like=False), "dislike", id="dislike"),
        pytest.param(Number(number=4, minimum=1, maximum=5), "4 of 5", id="number"),
        pytest.param(Label(labels=["correct"]), "correct", id="known label"),
        pytest.param(Label(labels=[WRITTEN]), "label", id="written label"),
        pytest.param(Text(text=WRITTEN), "text", id="text"),
        pytest.param(Correction(content=WRITTEN), "correction", id="correction"),
        pytest.param(Signal(name="copied"), "copied", id="signal"),
        pytest.param(None, "withdrawn", id="withdrawn"),
    ],
)
def test_a_value_is_shown_without_what_a_person_wrote(value: FeedbackValue | None, what: str) -> None:
    kind = {} if value is not None else {"kind": "thumb"}
    feedback = Feedback(aspect="satisfaction", value=value, comment=WRITTEN, **kind)
    found = item_of(_record(UpdateMessage(message_id="a1", feedback=feedback)))
    assert found is not None
    assert found.shown["what"] == what
    assert WRITTEN not in str(found.shown)
    assert "secret-id" not in str(found.shown)
    assert WRITTEN in str(found.private["text"])


def test_comparisons_are_shown_and_messages_are_not() -> None:
    compared = CompareMessages(
        comparison_id="c", candidates=["a", "b"], ranking=[["b"], ["a"]], rater=Rater(kind="reviewer"),
        comment=WRITTEN,
    )  # fmt: skip
    found = item_of(_record(compared))
    assert found is not None
    assert (found.shown["what"], found.shown["rater"]) == ("comparison", "reviewer")
    assert WRITTEN not in str(found.shown)
    assert item_of(_record(AddMessage(role="user", content=WRITTEN, message_id="m"))) is None


def test_every_example_of_the_contract_can_be_item_of() -> None:
    decoder = Decoder("conversation_event")
    found = [item_of(decoder.decode(example.payload)) for example in examples("conversation_event")]
    assert len([one for one in found if one is not None]) >= 3


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        pytest.param(1_790_000_000_000_000, 1_790_000_000_000_000, id="a time"),
        pytest.param(-(2**63), None, id="a time of an old log that no clock shows"),
        pytest.param(2**63 - 1, None, id="a time beyond the calendar"),
    ],
)
def test_only_a_time_that_a_page_can_show_is_shown(at: int, shown: int | None) -> None:
    record = _record(UpdateMessage(feedback=Feedback(aspect="a", value=Thumb(like=True))))
    found = item_of({**record, "occurred_at": at})
    assert found is not None
    assert found.shown["at"] == shown
