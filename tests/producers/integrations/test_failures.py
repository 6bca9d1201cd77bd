"""What the record says of calls that failed."""

import asyncio

import pytest
from plaudit_producers.integrations.failures import failure_sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no\n  model"), "ValueError: no model"),
        (TimeoutError(), "TimeoutError"),
        (asyncio.CancelledError(), "The call was cancelled."),
        (KeyboardInterrupt(), "The call was cancelled."),
        (GeneratorExit(), "The stream was closed early."),
        (ValueError("x" * 1000), f"ValueError: {'x' * 287}…"),
        (ValueError("key sk-proj-abc123def provided"), "ValueError: key *** provided"),
        (ValueError("https://models/v1?key=abc&alt=sse"), "ValueError: https://models/v1?key=***&alt=sse"),
        (ValueError("AIzaSyA1b2c3d4 refused"), "ValueError: *** refused"),
        (
            ValueError("Authorization: Bearer abc.def refused"),
            "ValueError: Authorization: Bearer *** refused",
        ),
    ],
    ids=[
        "white space",
        "no text",
        "cancelled",
        "interrupted",
        "left",
        "long",
        "key",
        "key in a url",
        "key of google",
        "bearer token",
    ],
)
def test_a_failure_is_one_sentence(error: BaseException, sentence: str) -> None:
    assert failure_sentence(error) == sentence
