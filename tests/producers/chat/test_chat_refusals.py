"""What an endpoint's refusals mean, and what the person reads."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from plaudit_producers.chat.endpoint_errors import endpoint_error
from plaudit_producers.chat.errors import EndpointError


def refused(status: int, body: object = None, **headers: str) -> EndpointError:
    """What an answer with a status means; a body is JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = httpx.Request("POST", "http://127.0.0.1:1/v1/chat/completions")
    response = httpx.Response(status, content=content, headers=headers, request=request)
    try:
        try:
            response.raise_for_status()
        except httpx.HTTPStatusError:
            raise AttributeError("the client itself fails at what it does not expect")  # noqa: B904  # as it does
    except AttributeError as error:
        return endpoint_error(error, datetime(2026, 1, 1, tzinfo=UTC))
    raise AssertionError(status)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        pytest.param(400, {"error": {"message": "too long"}}, "refused_request", '"too long"', id="OpenAI's"),
        pytest.param(
            422, {"error": "bad", "error_type": "validation"}, "refused_request", '"bad"', id="TGI's"
        ),
        pytest.param(400, [{"error": {"message": "odd"}}], "refused_request", '"odd"', id="in a list"),
        pytest.param(400, {"detail": "no"}, "refused_request", '"no"', id="FastAPI's"),
        pytest.param(400, b"<html>", "refused_request", "(400).", id="HTML"),
        pytest.param(413, 7, "refused_request", "(413).", id="a number"),
        pytest.param(
            400,
            {"error": {"message": "Nope", "code": "model_not_found"}},
            "unknown_model",
            "(404)",
            id="by code",
        ),
        pytest.param(424, {"error": "x"}, "server_error", "(424)", id="a failed shard"),
        pytest.param(504, None, "timeout", "(504)", id="a gateway's time-out"),
    ],
)
def test_refusals_say_what_the_endpoint_says(status: int, body: object, kind: str, said: str) -> None:
    error = refused(status, body)
    assert error.kind == kind
    assert said in str(error)


def test_a_long_message_of_an_endpoint_is_shortened() -> None:
    assert len(str(refused(400, {"error": "x" * 5000}))) < 300


def test_what_an_endpoint_says_of_a_key_is_not_shown() -> None:
    assert "sk-1" not in str(refused(401, {"error": {"message": "Incorrect API key: sk-1"}}))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("0.5", 0.5, id="part of a second"),
        pytest.param("Thu, 01 Jan 2026 00:01:00 GMT", 60.0, id="a date"),
        pytest.param("Wed, 31 Dec 2025 00:00:00 GMT", 0.0, id="a date that has passed"),
        pytest.param("Thu, 01 Jan 2099 00:00:00 GMT", None, id="a date far away"),
        pytest.param("soon", None, id="no time"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("inf", None, id="endless"),
        pytest.param("nan", None, id="no number"),
    ],
)
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    assert refused(429, None, **{"Retry-After": header}).retry_after_s == seconds


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("0", "in a moment", id="now"),
        pytest.param("1", "in 1 second.", id="a second"),
        pytest.param("119.5", "in 120 seconds", id="two minutes"),
        pytest.param("3600", "in 60 minutes", id="an hour"),
        pytest.param("soon", "in a moment", id="no time"),
    ],
)
def test_the_time_to_wait_is_said_in_words(header: str, said: str) -> None:
    assert said in str(refused(429, None, **{"Retry-After": header}))
