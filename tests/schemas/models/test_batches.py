"""Batches of texts of like length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.models.batches import batches_of


@pytest.mark.parametrize(
    ("lengths", "most", "batches"),
    [
        pytest.param([], 10, [], id="nothing"),
        pytest.param([4, 4, 4], 8, [[0, 1], [2]], id="tokens-are-counted"),
        pytest.param([9, 4, 9, 4], 100, [[1, 3], [0, 2]], id="like-lengths-together"),
        pytest.param([50], 10, [[0]], id="longer-than-a-batch"),
        pytest.param([4, 5, 6], 100, [[0, 1], [2]], id="a-quarter-longer-at-most"),
        pytest.param([0, 0, 1], 100, [[0, 1], [2]], id="no-tokens"),
    ],
)
def test_batches(lengths: list[int], most: int, batches: list[list[int]]) -> None:
    assert list(batches_of(lengths, most)) == batches


def test_without_padding_only_equal_lengths_meet() -> None:
    assert list(batches_of([8, 9, 8], 100, padded=False)) == [[0, 2], [1]]


def test_a_budget_of_one_token_feeds_one_by_one() -> None:
    assert list(batches_of([3, 3], 1)) == [[0], [1]]
    assert list(batches_of([0, 0, 0], 1)) == [[0], [1], [2]]


@given(st.lists(st.integers(0, 600)), st.integers(1, 2000), st.booleans())
def test_each_text_is_in_one_batch_and_the_budget_holds(lengths: list[int], most: int, padded: bool) -> None:
    batches = list(batches_of(lengths, most, padded=padded))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        inside = [lengths[place] for place in batch]
        assert len(batch) == 1 or max(1, *inside) * len(batch) <= most
        assert max(inside) <= min(inside) * (1.25 if padded else 1)
