"""Short ways from finished conversations to rows."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.resolve import Verdict, resolve_answer, resolve_pair
from plaudit_consumers.rows.schemas import TOOL_CHAT
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.training import TrainingRow, training_table
from plaudit_consumers.rows.unit_counts import UnitCounts
from plaudit_consumers.rows.units import derive_units
from plaudit_consumers.rows.votes import read_votes
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord

from tests.support.finished import T0_MS, Record, encoded

READER = CanonicalReader(Decoder("finished_conversation"))
TRAINING_SUBSETS = ("sft", "sft_tools", "preference", "preference_tools", "kto", "kto_tools")


def kafka_records(payloads: Iterable[bytes], *, first: int = 0, timestamp: int = T0_MS) -> list[KafkaRecord]:
    """Payloads as Kafka gives them, at the offsets from `first` on."""
    return [KafkaRecord(0, first + at, timestamp, b"k", payload) for at, payload in enumerate(payloads)]


def canonical(*records: Record, licence: str | None = None) -> Any:
    """The canonical table, by way of the wire format."""
    return READER.read_table(kafka_records(map(encoded, records)), licence)


def units(
    *records: Record, aspects: Aspects | None = None, counts: UnitCounts | None = None, **rules: Any
) -> list[Record]:
    """The units of finished conversations."""
    found = []
    counted = UnitCounts() if counts is None else counts
    for table in derive_units(canonical(*records), RowRules(**rules), aspects or Aspects.none(), counted):
        table.validate(full=True)
        found += table.to_pylist()
    assert counted.judgements == counted.in_units + sum(counted.unused.values())
    return found


def lost(*records: Record, aspects: Aspects | None = None, **rules: Any) -> dict[str, int]:
    """The judgements of finished conversations that are in no unit, by reason."""
    counts = UnitCounts()
    units(*records, aspects=aspects, counts=counts, **rules)
    return {str(reason): number for reason, number in counts.unused.items()}


class Rows:
    """The training rows of finished conversations, with a group of units for each key.

    Attributes:
        by_subset: subset -> its rows, as dicts.
        left_out: subset -> the reason of each group that gives no row of it.
    """

    def __init__(self, *records: Record, aspects: Aspects | None = None, **rules: Any) -> None:
        self.by_subset: dict[str, list[Record]] = {subset: [] for subset in TRAINING_SUBSETS}
        self.left_out: dict[str, list[str]] = defaultdict(list)
        self._rules = RowRules(**rules)
        groups: dict[str, list[Any]] = {}
        for table in derive_units(canonical(*records), self._rules, aspects or Aspects.none(), UnitCounts()):
            for at in range(table.num_rows):
                groups.setdefault(table["key"][at].as_py(), []).append(table.slice(at, 1))
        for group in groups.values():
            self._add(group)

    def _add(self, group: list[Any]) -> None:
        each = [one.to_pylist()[0] for one in group]
        votes = read_votes(vote for unit in each for vote in unit["votes"])
        verdicts: dict[str, Any]
        if each[0]["kind"] == "pair":
            verdicts = {"preference": resolve_pair(votes, self._rules).preference}
        else:
            verdict = resolve_answer(
                votes,
                self._rules,
                corrected=any(unit["corrected"] for unit in each),
                demonstration=any(unit["demonstration"] for unit in each),
                empty=each[0]["empty"],
            )
            verdicts = {"sft": verdict.sft, "kto": verdict.kto}
        first = min(range(len(each)), key=lambda at: (each[at]["finished_at"], each[at]["source_offset"]))
        users = len({unit["user_id"] for unit in each})
        for name, verdict in verdicts.items():
            subset: Any = f"{name}_tools" if each[0]["has_tools"] else name
            if not isinstance(verdict, Verdict):
                self.left_out[subset].append(verdict)
                continue
            table = training_table(subset, group[first], [TrainingRow(verdict, users, len(each))])
            table.validate(full=True)
            assert isinstance(table, pa.Table)
            self.by_subset[subset] += opened(table)


def opened(table: Any) -> list[Record]:
    """The rows of a training table as `datasets` opens them: messages of chats with tools are JSON."""
    found: list[Record] = table.to_pylist()
    for column in (each.name for each in table.schema if each.type == TOOL_CHAT):
        for row in found:
            row[column] = [json.loads(message) for message in row[column]]
    return found


def rows(*records: Record, aspects: Aspects | None = None, **rules: Any) -> dict[str, list[Record]]:
    """The training rows of finished conversations by subset."""
    return Rows(*records, aspects=aspects, **rules).by_subset


def turns(*pairs: tuple[str, str]) -> list[Record]:
    return [{"role": role, "content": content} for role, content in pairs]


def check_damaged(
    payloads: Sequence[bytes],
    decoder: Decoder,
    reader: Any,
    by_dicts: Callable[[list[KafkaRecord]], Any],
    seed: int,
) -> None:
    """Damage payloads at random. A reader refuses what the decoder refuses, and reads the rest alike."""
    rng, refused = random.Random(seed), 0
    for _ in range(600):
        damaged = bytearray(rng.choice(payloads))
        for _ in range(rng.randint(1, 2)):
            damaged[rng.randrange(5, len(damaged))] = rng.randrange(256)
        if rng.random() < 0.2:
            del damaged[rng.randrange(5, len(damaged)) :]
        records = kafka_records([bytes(damaged)])
        try:
            decoder.decode(bytes(damaged))
        except CodecError:
            refused += 1
            with pytest.raises(ValueError, match=r"."):
                reader.read_table(records)
        else:
            assert reader.read_table(records).equals(by_dicts(records))
    assert 100 < refused < 580
