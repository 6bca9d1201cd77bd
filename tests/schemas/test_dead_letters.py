"""Dead letters say why and where, and errors name a reason that exists."""

import inspect

import pytest
from plaudit_schemas import errors
from plaudit_schemas.dead_letters import REASONS, Refusal


def test_headers_round_trip() -> None:
    for schema_id in (None, 1_000_000_000):
        refusal = Refusal("conflict", "é " * 5, "topic", 3, 2**40, schema_id, 1_790_000_000_000)
        assert Refusal.from_headers(list(refusal.headers())) == refusal


def test_foreign_headers_are_refused() -> None:
    with pytest.raises(ValueError, match="no known reason"):
        Refusal.from_headers(None)
    with pytest.raises(ValueError, match="lacks the header"):
        Refusal.from_headers([("reason", b"expired")])


def test_every_error_is_one_of_ours_and_drawn_in_the_tree() -> None:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)]
    for cls in classes:
        assert issubclass(cls, errors.PlauditError)
        assert cls.__name__ in (errors.__doc__ or "")
        if issubclass(cls, errors.CodecError):
            assert cls.reason in REASONS
