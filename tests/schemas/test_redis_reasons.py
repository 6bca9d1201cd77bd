"""What is said of a Redis that does not answer or does not let in."""

import pytest
from plaudit_schemas.service.redis import why_away
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import TimeoutError as NoReply


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(
            NoPermissionError("this user has no permissions to run the 'evalsha' command"),
            "this user has no permissions to run the 'evalsha' command",
            id="access list",
        ),
        pytest.param(
            AuthenticationError("invalid username-password pair"),
            "invalid username-password pair",
            id="password",
        ),
        pytest.param(NoReply("Error 111 connecting to 10.0.0.7:6379"), "TimeoutError", id="away"),
    ],
)
def test_a_refusal_is_told_and_a_host_is_not(error: Exception, said: str) -> None:
    assert why_away(error) == said
