"""Records of several partitions in the order in which the broker took them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.kafka.merging import ArrivalMerge


def _merged(partitions: list[list[int]], seed: int) -> list[tuple[int, int]]:
    """Feed the partitions piece by piece, in a random order of pieces. Returns (partition, index)."""
    rng, merge = random.Random(seed), ArrivalMerge(range(len(partitions)))
    left = {number: list(enumerate(times)) for number, times in enumerate(partitions)}
    out: list[tuple[int, int]] = []
    while not merge.is_done:
        number = rng.choice(list(left)) if left else None
        if number is not None:
            for _ in range(min(len(left[number]), rng.randint(1, 3))):
                index, time_ms = left[number].pop(0)
                merge.add(number, time_ms, 10, (number, index))
            if not left[number]:
                del left[number]
                merge.end(number)
        out += merge.take()
    return out


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(0, 20), max_size=8), min_size=1, max_size=4), st.integers(0, 999))
def test_a_merge_keeps_each_log_and_follows_the_time(partitions: list[list[int]], seed: int) -> None:
    out = _merged(partitions, seed)
    assert sorted(out) == [(n, i) for n, times in enumerate(partitions) for i in range(len(times))]
    for number in range(len(partitions)):
        assert [i for n, i in out if n == number] == list(range(len(partitions[number])))
    ordered = [sorted(times) for times in partitions]
    if ordered == partitions:
        times = [partitions[number][index] for number, index in out]
        assert times == sorted(times)


def test_nothing_is_given_out_before_every_partition_has_shown_its_next_record() -> None:
    merge = ArrivalMerge([0, 1])
    merge.add(0, 5, 3, "late")
    assert (list(merge.take()), merge.held_bytes(0)) == ([], 3)
    merge.add(1, 4, 1, "early")
    assert list(merge.take()) == ["early"]
    merge.end(1)
    assert list(merge.take()) == ["late"]
    merge.end(0)
    assert (merge.is_done, merge.held_bytes(0)) == (True, 0)
