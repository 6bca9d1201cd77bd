"""What the list of feedback shows, and to whom."""

import pytest
from plaudit_producers.gateway.dashboard.feedback import seen
from plaudit_producers.gateway.dashboard.settings import DashboardSettings, access_of
from plaudit_schemas.codec import Decoder
from plaudit_schemas.events import (
    AddMessage,
    AnyBody,
    CompareMessages,
    ConversationEvent,
    Correction,
    Feedback,
    FeedbackValue,
    Label,
    Number,
    Rater,
    Signal,
    Text,
    Thumb,
    UpdateMessage,
)
from plaudit_schemas.examples import examples

WRITTEN = "what a person wrote"


def _record(body: AnyBody) -> dict[str, object]:
    return ConversationEvent(application="shop", conversation_id="secret-id", body=body).to_record()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (Thumb(like=True), "like"),
        (Thumb(like=False), "dislike"),
        (Number(number=4, minimum=1, maximum=5), "4 of 5"),
        (Label(labels=["correct"]), "correct"),
        (Label(labels=[WRITTEN]), "label"),
        (Text(text=WRITTEN), "text"),
        (Correction(content=WRITTEN), "correction"),
        (Signal(name="copied"), "copied"),
        (None, "withdrawn"),
    ],
)
def test_a_value_is_shown_without_what_a_person_wrote(value: FeedbackValue | None, what: str) -> None:
    kind = {} if value is not None else {"kind": "thumb"}
    feedback = Feedback(aspect="satisfaction", value=value, comment=WRITTEN, **kind)
    found = seen(_record(UpdateMessage(message_id="a1", feedback=feedback)))
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
    found = seen(_record(compared))
    assert found is not None
    assert (found.shown["what"], found.shown["rater"]) == ("comparison", "reviewer")
    assert WRITTEN not in str(found.shown)
    assert seen(_record(AddMessage(role="user", content=WRITTEN, message_id="m"))) is None


def test_every_example_of_the_contract_can_be_seen() -> None:
    decoder = Decoder("conversation_event")
    found = [seen(decoder.decode(example.payload)) for example in examples("conversation_event")]
    assert len([one for one in found if one is not None]) >= 3


@pytest.mark.parametrize(
    ("access", "host", "expected"),
    [
        ("auto", "127.0.0.1", "open"),
        ("auto", "localhost", "open"),
        ("auto", "::1", "open"),
        ("auto", "0.0.0.0", "keyed"),  # noqa: S104  # nothing is bound
        ("auto", "gateway.internal", "keyed"),
        ("open", "0.0.0.0", "open"),  # noqa: S104  # nothing is bound
        ("off", "127.0.0.1", "off"),
    ],
)
def test_a_gateway_that_others_reach_asks_for_a_key(access: str, host: str, expected: str) -> None:
    assert access_of(DashboardSettings(dashboard_access=access), host) == expected
