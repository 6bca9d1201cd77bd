"""Dead letters say why and where, and errors name a reason that exists."""

import inspect

import pytest
from plaudit_schemas import errors
from plaudit_schemas.contract.limits import REFUSAL_CHARACTERS
from plaudit_schemas.contract.reasons import REASONS, Refusal
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL, DeadLetter, first_arrival_ms
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
    own = (("trace", b"\xff\x00"), ("trace", b"2"), ("reason", b"mine"), ("headers", b"9"), ("none", None))
    record = KafkaRecord(3, 2**40, 1_790_000_000_000, b"k", value, own)
    letter = DeadLetter.of(record, "topic", Refusal("conflict", "\u00e9 " * 5))
    assert letter.schema_id == schema_id
    sent = letter.to_send("letters")
    assert (sent.topic, sent.key, sent.value, sent.partition) == ("letters", b"k", value, None)
    assert DeadLetter.read(as_read(sent)) == letter


def test_a_letter_keeps_no_endless_detail() -> None:
    record = KafkaRecord(0, 0, 0, None, None)
    letter = DeadLetter.of(record, "topic", Refusal("invalid", "x" * 5000))
    assert len(letter.refusal.detail) == REFUSAL_CHARACTERS


def test_a_letter_of_before_the_records_headers_were_kept_is_read() -> None:
    record = KafkaRecord(3, 7, 5, b"k", WIRE, (("trace", b"1"),))
    sent = DeadLetter.of(record, "topic", Refusal("conflict", "why")).to_send("letters")
    older = KafkaRecord(0, 7, 1, sent.key, sent.value, (sent.headers or [])[:7])
    assert DeadLetter.read(older).record == record._replace(headers=())


def test_the_headers_that_are_added_have_a_bound_however_many_the_record_has() -> None:
    """The dead-letter topic takes 64 KiB more than the events topic."""
    own = [(f"h{number}", b"") for number in range(100_000)]
    refusal = Refusal("invalid", "\U0001f600" * 5000)
    sent = DeadLetter.of(KafkaRecord(0, 0, 0, b"k", WIRE, own), "t" * 249, refusal).to_send("letters")
    assert (sent.headers or [])[8:] == own
    assert sum(len(name) + len(value or b"") + 10 for name, value in (sent.headers or [])[:8]) < 64 * 1024


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(b"900", 900, id="as we write it"),
        pytest.param(b"1001", 1000, id="after its own arrival"),
        pytest.param(b"9" * 15, 1000, id="far away"),
        pytest.param(b"9" * 5000, None, id="more digits than Python parses"),
        pytest.param(b"-5", None, id="negative"),
        pytest.param(b"\xc2\xb2", None, id="no digit"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_anybody_may_write_the_header_of_the_first_arrival(
    header: bytes | None, expected: int | None
) -> None:
    record = KafkaRecord(0, 0, 1000, b"k", WIRE, (("trace", b"1"), (FIRST_ARRIVAL, header)))
    assert first_arrival_ms(record) == expected


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
