"""Merging amendments comes to what the fold comes to where it still has the state."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.difference import SubsetDifference, compare_snapshots
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.rows.schemas import SNAPSHOT
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import Event, Rules
from plaudit_stream_processors.fold.finished import finished_record

from tests.consumers.live_root import rows_of
from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, message, start
from tests.support.finished import encoded
from tests.support.offline_sink import feed, sink

DAY = 86_400
_END, _CONVERSATIONS = 200, 120
_FORGETFUL, _REMEMBERING = Rules(state_retention_ms=0), Rules(state_retention_ms=10**12)
_RATERS = [
    {"kind": "user"},
    {"kind": "user", "id": "u1"},
    {"kind": "user", "id": "u2"},
    {"kind": "reviewer", "id": "r1"},
    {"kind": "reviewer", "id": "r2"},
    {"kind": "model", "id": "judge", "version": "1"},
    {"kind": "model", "id": "judge", "version": "2"},
]
_VALUES: list[tuple[str, dict[str, Any]]] = [
    ("Thumb", {"like": True}),
    ("Thumb", {"like": False}),
    ("Number", {"number": 2.0, "minimum": 1.0, "maximum": 5.0}),
    ("Correction", {"content": "better"}),
    ("Label", {"labels": ["correct"]}),
]


def _chat(name: str) -> Iterator[dict[str, Any]]:
    yield start(consent="granted", user_id="u1")
    yield message("q", "user", content=f"question of {name}", parent_id="")
    for answer in ("a", "b", "c"):
        yield message(answer, parent_id="q", content=f"{answer} of {name}")


def _judgement(rng: random.Random, at: int) -> dict[str, Any]:
    value = rng.choice(_VALUES)
    aspect = "accuracy" if value[0] == "Label" else "satisfaction"
    # Only what was said after the end is withdrawn: a finished conversation does not show withdrawals.
    said = None if at > _END and rng.random() < 0.1 else value
    kind = {"kind": value[0].lower()} if said is None else {}
    return feedback(
        rng.choice("ab"), said, at=at, rater=rng.choice(_RATERS), aspect=aspect, id=f"f{at}", **kind
    )


def _comparison(rng: random.Random, at: int) -> dict[str, Any]:
    order = rng.sample("abc", 3)
    return event(
        "CompareMessages",
        {
            "comparison_id": f"x{rng.randrange(2)}", "candidates": ["a", "b", "c"],
            "ranking": [[name] for name in order], "none_acceptable": False, "rater": rng.choice(_RATERS),
            "aspect": "preference",
        },
        at=at,
    )  # fmt: skip


def _exclusion(rng: random.Random, at: int) -> dict[str, Any]:
    names = ["a", "b", "c", None, None]
    body = {"message_id": rng.choice(names), "excluded": rng.random() < 0.5, "rater": {"kind": "reviewer"}}
    return event("ExcludeFromTraining", body, at=at)


def _words(rng: random.Random, start_at: int) -> Iterator[tuple[dict[str, Any], int]]:
    """What is said, and when it arrives in seconds after T0."""
    for number in range(rng.randrange(16)):
        at = start_at + 10 * number
        kind = rng.choices([_judgement, _comparison, _exclusion], [8, 3, 1])[0]
        # Of what was said before the end only the time of the word that holds is known, so exclusions of
        # before the end are not taken back by words that waited.
        waits = kind is not _exclusion and rng.random() < 0.4
        record = {**kind(rng, at), "event_id": f"e{at}"}
        # Of one producer the later word has the later place, so a word from days before is no late one's.
        if not waits and rng.random() < 0.5:
            record |= {"producer": rng.choice(["p1", "p2"]), "sequence": rng.randrange(10) + start_at}
        held = (start_at + 35 if waits else 0) if at > _END else 0
        yield {**record, "held_ms": held * 1000, "occurred_at": (T0_MS + (at - held) * 1000) * 1000}, at


def _events(seed: int) -> Iterator[tuple[dict[str, Any], int]]:
    rng, name = random.Random(seed), f"c{seed}"
    records = [(record, record["occurred_at"] // 1_000_000 - T0_MS // 1000) for record in _chat(name)]
    records += [*_words(rng, 10), (end(at=_END), _END), *_words(rng, 4 * DAY)]
    for record, at in records:
        # Ids of events are their conversation's, so that one log may hold all conversations.
        yield {**record, "conversation_id": name, "event_id": f"{name}-{record['event_id']}"}, at


def _root(folder: Path, rules: Rules) -> Path:
    """A root that the real sink made from what the fold emitted."""
    emitted = []
    for seed in range(_CONVERSATIONS):
        folded = Folded(rules)
        folded.state.conversation_id, folded.state.key = f"c{seed}", f"acme/c{seed}"
        folded.offset = seed * 100
        for record, at in _events(seed):
            folded.add(record, arrived_ms=T0_MS + at * 1000)
        assert folded.refused == []
        found = [(each.offset, each.record) for each in folded.effects.finished]
        if rules is _REMEMBERING:
            last = Event(end(at=5 * DAY), 0, folded.offset, T0_MS + 5 * DAY * 1000, 9, version=rules.version)
            found = [(folded.offset, finished_record(folded.state, last, rules))]
        emitted += [(seed, offset, record) for offset, record in found]
    records = [
        KafkaRecord(0, at, T0_MS + 6 * DAY * 1000, b"k", encoded(record))
        for at, (_, _, record) in enumerate(sorted(emitted, key=lambda each: each[:2]))
    ]
    feed(sink(folder), records)
    return folder


@pytest.mark.slow
def test_a_snapshot_is_as_if_the_state_had_been_kept(tmp_path: Path) -> None:
    outputs = []
    for name, rules in (("forgetful", _FORGETFUL), ("remembering", _REMEMBERING)):
        root = _root(tmp_path / name, rules)
        outputs.append(tmp_path / f"{name}.snapshot")
        build_snapshot(str(root), SnapshotPlan(output=outputs[-1], shares=(1, 0, 0)))
    forgetful, remembering = outputs
    amendments = read_manifest(forgetful).amendments
    assert amendments["merged"] > 200
    assert amendments["overruled"] > 50
    assert read_manifest(remembering).amendments == {}
    differences = compare_snapshots(remembering, forgetful)
    training = {subset: differences[subset] for subset in SNAPSHOT if subset != "conversations"}
    assert {subset: _changes(each) for subset, each in training.items()} == dict.fromkeys(training, (0, 0, 0))
    assert training["kto"].same > 100
    assert training["preference"].same > 50
    assert _judgements(forgetful) == _judgements(remembering)


def _changes(difference: SubsetDifference) -> tuple[int, int, int]:
    return difference.added, difference.removed, difference.changed


def _judgements(snapshot: Path) -> dict[str, Any]:
    return {
        row["conversation_id"]: (
            row["feedback"],
            sorted(row["comparisons"], key=lambda each: each["comparison_id"]),
            row["excluded"],
            [(each["message_id"], each["excluded"]) for each in row["messages"]],
        )
        for row in rows_of(snapshot, "conversations")
    }
