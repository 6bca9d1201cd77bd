"""How the calls of one request are divided, and how long one may be. Pure."""

import pytest
from plaudit_producers.gateway.http.call_sending import parts_of
from plaudit_producers.gateway.intake.calls import MAX_MESSAGES, IncomingCall, check_length
from plaudit_producers.model_calls.call import CallAnswer, CallMessage, ModelCall
from plaudit_schemas.errors import InvalidEventError


def given(messages: int, answers: int = 0) -> ModelCall:
    message = CallMessage("user", "Hi")
    return ModelCall((message,) * messages, (CallAnswer(message),) * answers)


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [
        pytest.param([], [], id="none"),
        pytest.param([2] * 250, [100, 100, 50], id="many short ones"),
        pytest.param([3000] * 3, [1, 1, 1], id="long ones"),
        pytest.param([2500, 2500, 1, 9000, 1], [2, 1, 1, 1], id="both"),
    ],
)
def test_a_part_has_few_calls_and_few_messages(lengths: list[int], parts: list[int]) -> None:
    calls = [IncomingCall(given(length)) for length in lengths]
    found = list(parts_of(calls))
    assert [len(part) for part in found] == parts
    assert [call for part in found for call in part] == calls


def test_a_call_with_too_many_messages_is_refused() -> None:
    check_length(given(MAX_MESSAGES - 1, 1))
    with pytest.raises(InvalidEventError, match="more than 10000 messages"):
        check_length(given(MAX_MESSAGES, 1))
