"""From bodies to events and from outcomes to answers, without a server."""

from typing import Any

import pytest
from plaudit_producers import IdentityHash
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.intake.events import EventIntake, answer_events, parse_events
from plaudit_producers.gateway.intake.outcomes import Outcome, OutgoingEvent, RefusedEvent
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.privacy import load_redact
from plaudit_producers.sdk.redact import Redact, redact_texts
from plaudit_schemas.codec.event_encoder import EventEncoder
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects
from plaudit_schemas.contract.json_form import record_of
from plaudit_schemas.errors import InvalidEventError, SettingsError
from pydantic import SecretStr, ValidationError

from tests.support.gateway import like, message

SERVER = Principal("shop", "k", frozenset({"producer"}))
OUT = OutgoingEvent((b"shop/c1", "e1"), b"payload")
NOT = RefusedEvent("e2", "invalid", "no")
DENIED = RefusedEvent("e3", "forbidden", "no")


def intake(
    redact: Redact | None = None, identity: IdentityHash | None = None, aspects: Aspects | None = None
) -> EventIntake:
    return EventIntake(EventEncoder().encode, redact, identity, aspects or Aspects.none())


def taken(document: Any, **options: Any) -> dict[str, Any]:
    found = intake(**options).take_event(SERVER, document)
    assert isinstance(found, OutgoingEvent), found
    return Decoder("conversation_event").decode(found.payload)


@pytest.mark.parametrize(
    ("events", "outcomes", "status"),
    [
        pytest.param([OUT], [Outcome.ACKED], 200, id="accepted"),
        pytest.param([OUT, NOT], [Outcome.ACKED], 207, id="one of two is invalid"),
        pytest.param([NOT], [], 422, id="invalid"),
        pytest.param([DENIED], [], 403, id="forbidden"),
        pytest.param([NOT, DENIED], [], 422, id="invalid and forbidden"),
        pytest.param([OUT], [Outcome.AWAY], 503, id="kafka is away"),
        pytest.param([OUT], [Outcome.FULL], 503, id="no room"),
        pytest.param([OUT], [Outcome.REFUSED], 422, id="refused by kafka"),
        pytest.param([OUT, OUT], [Outcome.ACKED, Outcome.REFUSED], 207, id="one of two is refused by kafka"),
        pytest.param(
            [OUT, NOT, OUT], [Outcome.ACKED, Outcome.AWAY], 503, id="kafka is away for one of three"
        ),
        pytest.param([NOT, OUT], [Outcome.AWAY], 503, id="kafka is away and one is invalid"),
    ],
)
def test_the_status_says_whether_to_send_again(
    events: list[Any], outcomes: list[Outcome], status: int
) -> None:
    made = answer_events(events, outcomes)
    assert made.status == status
    assert made.accepted == outcomes.count(Outcome.ACKED)
    assert [result["status"] == "accepted" for result in made.results].count(True) == made.accepted
    assert len(made.results) == len(events)
    assert all(result["status"] == "accepted" or result["detail"] for result in made.results)


def test_bodies_are_one_event_or_a_list() -> None:
    assert parse_events(b'{"a": 1}') == [{"a": 1}]
    assert parse_events(b"[1, 2]") == [1, 2]
    for wrong in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(InvalidEventError):
            parse_events(wrong)


def test_the_hook_sees_each_event_before_it_is_encoded() -> None:
    hook = redact_texts(lambda text: text.replace("secret", "***"))
    assert taken(message("a secret"), redact=hook)["body"][1]["content"] == "a ***"


def raising(_record: Any) -> Any:
    raise RuntimeError("with a secret in it")


def moving(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "conversation_id": "another"}


def breaking(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "body": ("plaudit.v1.AddMessage", {})}


def refusing(_record: Any) -> Any:
    raise InvalidEventError("no words about cats")


@pytest.mark.parametrize(
    ("hook", "detail"),
    [(raising, "raised RuntimeError"), (moving, "envelope"), (breaking, "lacks"), (refusing, "cats")],
    ids=["raises", "moves the event", "breaks the body", "refuses"],
)
def test_a_hook_that_fails_lets_nothing_through(hook: Redact, detail: str) -> None:
    found = intake(hook).take_event(SERVER, {**message("x"), "event_id": "e1"})
    assert isinstance(found, RefusedEvent)
    assert (found.event_id, found.reason) == ("e1", "invalid")
    assert detail in found.detail
    assert "secret" not in found.detail


def test_identities_are_hashed_after_they_were_checked() -> None:
    identity = IdentityHash("k1", b"0123456789abcdef")
    record = taken(like("m1", id="u-1"), identity=identity)
    assert record["body"][1]["feedback"]["rater"]["id"] == identity("u-1")


def test_the_author_of_a_message_is_hashed_and_a_model_is_not() -> None:
    identity = IdentityHash("k1", b"0123456789abcdef")
    for kind, expected in (("user", identity("u-1")), ("reviewer", identity("u-1")), ("model", "u-1")):
        document = message("Hello")
        document["body"]["author"] = {"id": "u-1", "kind": kind}
        record = record_of(document)
        identity.apply(record)
        assert record["body"][1]["author"]["id"] == expected


def test_an_event_too_large_for_the_topic_is_refused() -> None:
    body = {"type": "AddMessage", "role": "user", "content": "x" * 2**20, "reasoning": "y" * 2**20}
    found = intake().take_event(SERVER, {"conversation_id": "c1", "body": body})
    assert isinstance(found, RefusedEvent)
    assert "send long texts by reference" in found.detail
    long = intake().take_event(SERVER, {"conversation_id": "c1", "body": {**body, "role": "z" * 5000}})
    assert isinstance(long, RefusedEvent)
    assert len(long.detail) < 400


def test_the_hook_is_named_in_the_settings() -> None:
    assert load_redact("", "PLAUDIT_GATEWAY_REDACT") is None
    assert load_redact("json:loads", "PLAUDIT_GATEWAY_REDACT") is not None
    for wrong in ("nowhere:hook", "json:nothing", "json", ":"):
        with pytest.raises(SettingsError, match="PLAUDIT_GATEWAY_REDACT"):
            load_redact(wrong, "PLAUDIT_GATEWAY_REDACT")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"gateway_token_secret": "nocolon" * 10}, id="secret without an id"),
        pytest.param({"gateway_token_secret": "id:short"}, id="short secret"),
        pytest.param({"gateway_token_secret": ":" + "x" * 40}, id="secret with an empty id"),
        pytest.param({"gateway_identity_key": "id:short"}, id="short identity key"),
        pytest.param(
            {"gateway_identity_key": "a:0123456789abcdef,b:0123456789abcdef"}, id="two identity keys"
        ),
        pytest.param({"gateway_key_rate": 0}, id="rate of zero"),
        pytest.param({"gateway_port": 70000}, id="port too high"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(wrong)


def test_secrets_are_masked() -> None:
    settings = GatewaySettings(gateway_token_secret=SecretStr("id:" + "s" * 40))
    assert "ssss" not in repr(settings)


def test_feedback_that_does_not_fit_the_declared_aspects_is_refused() -> None:
    declared = AspectDeclaration(
        name="helpfulness", kinds=("thumb",), levels=("message",), direction="higher_is_better"
    )
    door = intake(aspects=Aspects({"shop": [declared]}))
    wrong, right = {**like("m"), "event_id": "e-1"}, like("m")
    wrong["body"]["feedback"]["aspect"] = "helpfullness"
    right["body"]["feedback"]["aspect"] = "helpfulness"
    refused = door.take_event(SERVER, wrong)
    assert isinstance(refused, RefusedEvent)
    assert (refused.event_id, refused.reason) == ("e-1", "invalid")
    assert "did you mean helpfulness?" in refused.detail
    assert isinstance(door.take_event(SERVER, right), OutgoingEvent)
    again = like("m")
    again["body"]["feedback"]["aspect"] = "helpfullness"
    assert isinstance(intake().take_event(SERVER, again), OutgoingEvent)
