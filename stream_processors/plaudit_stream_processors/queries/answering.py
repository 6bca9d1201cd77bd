"""What queries say where Redis does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import AWAY, why_away


@contextmanager
def answering() -> Iterator[None]:
    """Turn the errors of a Redis that is away into ours.

    Raises:
        ServiceUnavailableError: Redis does not answer.
    """
    try:
        yield
    except AWAY as error:
        raise ServiceUnavailableError(
            f"Redis does not answer ({why_away(error)}); check PLAUDIT_REDIS_URL, or try again later"
        ) from None
