"""Rows of amendments hold everything that the amendments held, whichever way they are made."""

from typing import Any

import pytest
from plaudit_consumers.rows.amendment_reader import AmendmentReader
from plaudit_consumers.rows.amendments import amendment_table
from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.rows.schemas import AMENDMENTS, CONVERSATIONS
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.examples import examples
from plaudit_schemas.kafka.record import KafkaRecord

from tests.consumers.builders import canonical, check_damaged, kafka_records
from tests.support.finished import T0_MS, amended, amendment, chat, comparison, encoded, like, number, said

READER = AmendmentReader(Decoder("amendment"))
SPANS = [{"start": 0, "end": 4, "label": "wrong", "comment": None}]


def _by_dicts(records: list[KafkaRecord]) -> Any:
    decoder = Decoder("amendment", sparse=True)
    return amendment_table([(record, decoder.decode(record.value or b"")) for record in records])


def _payloads() -> list[bytes]:
    withdrawn = said("a", "signal", {"name": "copied"})
    withdrawn["feedback"]["value"] = None
    values = [
        like("a"),
        number("a", 4.0),
        said(None, "label", {"labels": ["x", "y"]}),
        said("a", "text", {"text": "é 😀"}),
        said("a", "correction", {"content": "c"}),
        said("a", "signal", {"name": "dwell_seconds", "number": 2.5}),
        said("a", "spans", {"spans": SPANS}),
        withdrawn,
    ]
    bodies = [amended(word) for word in (*values, comparison([["a", "b"], ["c"]]))]
    bodies += [amended(excluded="m2", reason="private"), amended(excluded=None), amended(consent="denied")]
    made = [amendment(body, offset=offset) for offset, body in enumerate(bodies)]
    made.append(amendment(bodies[0], offset=20, held_ms=7, producer="p", sequence=3))
    return [example.payload for example in examples("amendment")] + [encoded(each) for each in made]


def test_columns_and_dicts_come_to_the_same() -> None:
    records = kafka_records(_payloads())
    table = READER.read_table(records)
    table.validate(full=True)
    assert table.schema.equals(AMENDMENTS)
    assert table.equals(_by_dicts(records))
    for record in records:
        assert READER.read_table([record]).equals(_by_dicts([record]))
    assert READER.read_table([]).num_rows == 0


def test_a_row_says_what_was_said_and_where_it_comes_from() -> None:
    late = amendment(amended(like("a", False, id="f1")), offset=5, held_ms=7, producer="p", sequence=3)
    (row,) = READER.read_table(kafka_records([encoded(late)], first=40, timestamp=5_000)).to_pylist()
    assert (row["body"], row["message_id"], row["event_id"]) == ("UpdateMessage", "a", "late-5")
    assert (row["comparison"], row["exclusion"], row["consent"]) == (None, None, None)
    assert (row["held_ms"], row["producer"], row["sequence"], row["source"]) == (7, "p", 3, "review")
    assert (row["source_partition"], row["source_offset"], row["record_offset"]) == (0, 5, 40)
    assert row["recorded_at"].timestamp() == 5
    (same,) = canonical(chat(like("a", False, id="f1"))).to_pylist()[0]["feedback"]
    assert row["feedback"] == {**same, "event_id": "late-5", "occurred_at": row["occurred_at"]}


@pytest.mark.parametrize(
    ("body", "name", "expected"),
    [
        pytest.param(
            amended(comparison([["a"], ["b"]])),
            "CompareMessages",
            ("comparison", "comparison_id", "c[['a'], ['b']]"),
            id="comparison",
        ),
        pytest.param(
            amended(excluded="m2", reason="private"),
            "ExcludeFromTraining",
            ("exclusion", "reason", "private"),
            id="exclusion",
        ),
        pytest.param(
            amended(consent="denied"), "UpdateConversation", ("consent", None, "denied"), id="denial"
        ),
    ],
)
def test_each_body_has_a_column(body: Any, name: str, expected: tuple[str, str | None, str]) -> None:
    (row,) = READER.read_table(kafka_records([encoded(amendment(body))])).to_pylist()
    column, field, value = expected
    assert (row["body"], row[column] if field is None else row[column][field]) == (name, value)
    others = {"feedback", "comparison", "exclusion", "consent"} - {column}
    assert {row[other] for other in others} == {None}
    assert row["message_id"] == ("m2" if column == "exclusion" else None)


def test_a_withdrawn_signal_keeps_its_name() -> None:
    withdrawn = said("a", "signal", {"name": "copied"})
    withdrawn["feedback"]["value"] = None
    (row,) = READER.read_table(kafka_records([encoded(amendment(amended(withdrawn)))])).to_pylist()
    assert (row["feedback"]["kind"], row["feedback"]["signal"]) == ("signal", "copied")
    assert row["feedback"]["thumb"] is None


def test_damaged_bytes_are_refused_where_the_decoder_refuses_them() -> None:
    check_damaged(_payloads(), Decoder("amendment"), READER, _by_dicts, seed=6)


def test_a_batch_of_both_kinds_keeps_the_order_of_each() -> None:
    made = [chat(offset=0), amendment(offset=1), amendment(offset=2), chat(offset=3), amendment(offset=4)]
    tables = FinishedReader().read_tables(kafka_records(map(encoded, made), first=10))
    assert {subset: table["record_offset"].to_pylist() for subset, table in tables.items()} == {
        "conversations": [10, 13],
        "amendments": [11, 12, 14],
    }
    assert tables["conversations"].schema.equals(CONVERSATIONS)
    assert tables["amendments"]["recorded_at"][0].as_py().timestamp() == T0_MS / 1000


def test_an_odd_time_becomes_null() -> None:
    odd = amendment(amended(like("a")), occurred_at=-(2**62))
    (row,) = READER.read_table(kafka_records([encoded(odd)])).to_pylist()
    assert (row["occurred_at"], row["feedback"]["occurred_at"]) == (None, None)
