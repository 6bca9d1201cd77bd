"""Dead letters say why and where, and errors name a reason that exists."""

import inspect

import pytest
from plaudit_schemas import errors
from plaudit_schemas.contract.limits import REFUSAL_CHARACTERS
from plaudit_schemas.contract.reasons import REASONS, Refusal
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord

WIRE = b"\0" + (1_000_000_000).to_bytes(4, "big") + b"x"


def as_read(sent: ProducerRecord) -> KafkaRecord:
    """A record that was sent, as a reader gets it."""
    return KafkaRecord(0, 7, 1, sent.key, sent.value, sent.headers or ())


@pytest.mark.parametrize(
    ("value", "schema_id"),
    [(WIRE, 1_000_000_000), (b"no wire format", None)],
    ids=["unknown schema id", "no wire format"],
)
def test_a_letter_comes_back_as_it_was_sent(value: bytes, schema_id: int | None) -> None:
    record = KafkaRecord(3, 2**40, 1_790_000_000_000, b"k", value)
    letter = DeadLetter.of(record, "topic", Refusal("conflict", "\u00e9 " * 5))
    assert letter.schema_id == schema_id
    sent = letter.to_send("letters")
    assert (sent.topic, sent.key, sent.value, sent.partition) == ("letters", b"k", value, None)
    assert DeadLetter.read(as_read(sent)) == letter


def test_a_letter_keeps_no_headers_and_no_endless_detail() -> None:
    record = KafkaRecord(0, 0, 0, None, None, (("trace", b"1"),))
    letter = DeadLetter.of(record, "topic", Refusal("invalid", "x" * 5000))
    assert letter.record.headers == ()
    assert len(letter.refusal.detail) == REFUSAL_CHARACTERS


def test_a_letter_without_its_content_still_names_the_schema() -> None:
    letter = DeadLetter.of(KafkaRecord(0, 0, 0, b"k", WIRE), "topic", Refusal("invalid", "too much"))
    small = letter.without_content()
    assert (small.record.key, small.record.value, small.schema_id) == (b"k", None, 1_000_000_000)
    assert "too much; its 6 bytes" in small.refusal.detail


def test_foreign_headers_are_refused() -> None:
    with pytest.raises(ValueError, match="no known reason"):
        DeadLetter.read(KafkaRecord(0, 0, 0, None, None))
    with pytest.raises(ValueError, match="lacks the header"):
        DeadLetter.read(KafkaRecord(0, 0, 0, None, None, (("reason", b"expired"),)))


def test_every_error_is_one_of_ours_and_drawn_in_the_tree() -> None:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)]
    for cls in classes:
        assert issubclass(cls, errors.PlauditError)
        assert cls.__name__ in (errors.__doc__ or "")
        if issubclass(cls, errors.RefusedError):
            assert cls("why").refusal == Refusal(cls.reason, "why")
            assert cls.reason in REASONS
