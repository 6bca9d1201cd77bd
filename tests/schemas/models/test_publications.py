"""Which publications count, what they make active when, and where a rollback leads."""

from typing import Any

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.examples import examples
from plaudit_schemas.models.activations import Activation, Activations
from plaudit_schemas.models.publication_states import states_of
from plaudit_schemas.models.publications import (
    Publication,
    activations_of,
    before_newest,
    counted,
    publication_of,
)


def _published(
    version: str, published_ms: int = 0, delay_ms: int = 60, *, name: str = "polite", **changes: Any
) -> Publication:
    action: Any = "publish" if version else "withdraw"
    made = Publication(
        f"id{published_ms}", action, name, version, version and f"hash-{version}",
        version and f"/m/{version}", delay_ms, None, None, None, "", published_ms,
    )  # fmt: skip
    return made._replace(**changes)


def _active(publications: list[Publication], *times: int) -> list[str | None]:
    activations = Activations(activations_of(publications))
    found = [activations.at(time) for time in times]
    return [each and each.version for each in found]


def test_a_publication_is_active_from_its_delay_on() -> None:
    assert _active([_published("1", 100), _published("2", 200)], 0, 159, 160, 259, 260, 10**13) == [
        None, None, "1", "1", "2", "2"
    ]  # fmt: skip


def test_the_later_of_two_at_the_same_time_wins() -> None:
    assert _active([_published("1", 0, 60), _published("2", 10, 50)], 59, 60) == [None, "2"]


def test_a_publication_that_was_overtaken_never_counts() -> None:
    """Version 1 was to begin at 600, and version 2 began at 70."""
    assert _active([_published("1", 0, 600), _published("2", 10, 60)], 69, 70, 600, 700) == [
        None, "2", "2", "2"
    ]  # fmt: skip


def test_one_publication_overtakes_several() -> None:
    log = [_published("1", 0, 600), _published("2", 5, 500), _published("3", 10, 60)]
    assert _active(log, 69, 320, 700) == [None, "3", "3"]


def test_nothing_is_active_after_a_withdrawal() -> None:
    log = [_published("1", 0), _published("", 100, 10), _published("2", 200)]
    assert _active(log, 60, 109, 110, 259, 260) == ["1", "1", None, None, "2"]
    assert Activations(activations_of(log[:2])).newest is None
    newest = Activations(activations_of(log)).newest
    assert newest is not None
    assert newest.version == "2"


def test_nothing_is_active_without_publications() -> None:
    assert Activations().at(10**15) is None
    assert Activations().newest is None


def test_a_version_belongs_to_the_folder_that_was_published_first() -> None:
    log = [_published("1", 0), _published("1", 10, sha256="other"), _published("1", 20)]
    assert [each.published_ms for each in counted(log)] == [0, 20]
    of_another = _published("1", 30, name="other", sha256="other")
    assert of_another in counted([*log, of_another])


def test_files_are_taken_from_where_they_were_published_last() -> None:
    moved = _published("1", 10, location="s3://lake/1")
    assert [each.location for each in activations_of([_published("1"), moved])] == ["s3://lake/1"] * 2
    assert activations_of([_published("1")]) == [Activation("id0", "polite", "1", "hash-1", "/m/1", 0, 60)]


def _rolled(version: str) -> Publication:
    return _published(version, action="rollback")


@pytest.mark.parametrize(
    ("log", "version"),
    [
        pytest.param([_published("1")], None, id="the first"),
        pytest.param([_published("1"), _published("2")], "1", id="the second"),
        pytest.param(
            [_published("1"), _published("2"), _published("3"), _rolled("2")], "1", id="after a rollback"
        ),
        pytest.param([_published("1"), _published("2"), _rolled("1")], None, id="back at the first"),
        pytest.param(
            [_published("1"), _published("2"), _rolled("1"), _published("3")], "1", id="a new one after it"
        ),
        pytest.param([_published("1"), _published("2"), _published("")], "2", id="a withdrawal"),
        pytest.param(
            [_published("1"), _published("2"), _published(""), _rolled("2")], "1", id="a withdrawal undone"
        ),
        pytest.param([_published("1"), _published("1")], None, id="the same version twice"),
        pytest.param([_published("1"), _published("2"), _published("1")], "2", id="an earlier one again"),
        pytest.param(
            [_published("1"), _published("2"), _published("3"), _rolled("1")], None, id="two steps at once"
        ),
    ],
)
def test_a_rollback_leads_to_the_version_before(log: list[Publication], version: str | None) -> None:
    found = before_newest(log)
    assert (found and found.version) == version


def test_every_example_is_a_publication() -> None:
    encoder, decoder = Encoder("model_publication"), Decoder("model_publication")
    for example in examples("model_publication"):
        record = decoder.decode(example.payload)
        found = publication_of(record, 1_790_000_000_000)
        copied = record.pop("copied_from")
        assert found.published_ms == (1_790_000_000_000 if copied is None else copied // 1000)
        assert decoder.decode(encoder.encode(found.to_record())) == {**record, "copied_from": None}


def test_an_action_of_a_later_release_is_not_read() -> None:
    record = next(iter(examples("model_publication"))).record
    with pytest.raises(ValueError, match="upgrade"):
        publication_of({**record, "action": "unknown"}, 0)


@pytest.mark.parametrize(
    ("now_ms", "states"),
    [
        pytest.param(0, ["waiting", "waiting", "waiting"], id="before all"),
        pytest.param(60, ["active", "waiting", "waiting"], id="the first"),
        pytest.param(159, ["active", "waiting", "waiting"], id="the end of the first"),
        pytest.param(160, ["past", "active", "waiting"], id="the second"),
        pytest.param(260, ["past", "past", "active"], id="withdrawn"),
    ],
)
def test_what_became_of_each_publication(now_ms: int, states: list[str]) -> None:
    log = [_published("1", 0), _published("2", 100), _published("", 200)]
    found = states_of(log, now_ms)
    assert [each.state for each in found] == states
    assert [each.until_ms for each in found] == [160, 260, None]


def test_of_an_overtaken_publication_it_is_said() -> None:
    log = [
        _published("1", 0),
        _published("2", 10, 600),
        _published("3", 20, 60),
        _published("9", name="other"),
    ]
    assert [each.state for each in states_of(log, 1_000)] == ["past", "never", "active", "active"]
