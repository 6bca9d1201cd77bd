"""A static table: the steps of its recipe, on numbers that can be reckoned by hand."""

import math

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from plaudit_consumers.training.encoders import distilling

Ids = NDArray[np.int64]


def test_each_token_is_embedded_alone_between_the_special_ones() -> None:
    seen: list[list[int]] = []

    def embed(ids: Ids) -> NDArray[np.float32]:
        seen.extend(ids.tolist())
        return ids[:, 1:2].astype(np.float32) * 10

    vectors = distilling.token_vectors(embed, [101], [102, 103], 5, step=2)
    assert seen == [[101, token, 102, 103] for token in range(5)]
    assert vectors.tolist() == [[0], [10], [20], [30], [40]]


def test_main_components_keep_what_differs_most() -> None:
    rng = np.random.default_rng(0)
    along = rng.normal(size=(200, 2)) * [10, 3]
    turned, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    vectors = (np.hstack([along, rng.normal(size=(200, 3)) * 0.01]) @ turned + 7).astype(np.float32)
    found = distilling.main_components(vectors, 2)
    assert found.shape == (200, 2)
    assert np.abs(found.mean(axis=0)).max() < 1e-4
    wanted = along - along.mean(axis=0)
    for first in range(0, 200, 40):
        distance = np.linalg.norm(wanted[first] - wanted[first + 1])
        assert np.linalg.norm(found[first] - found[first + 1]) == pytest.approx(distance, rel=0.02, abs=0.1)


def test_the_axes_do_not_depend_on_the_solvers_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    before = distilling.main_components(vectors, 3)
    solve = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: (solve(matrix)[0], -solve(matrix)[1]))
    np.testing.assert_array_equal(distilling.main_components(vectors, 3), before)


def test_frequent_tokens_weigh_less_and_special_ones_nothing() -> None:
    vectors = np.ones((4, 2), np.float32)
    counted = distilling.counted_frequencies(np.array([0, 996, 0, 0]))
    weights = distilling.weighted(vectors, counted, without=[2])[:, 0]
    assert weights.tolist() == pytest.approx([0.5, 0.001 / 0.998, 0, 0.5], rel=1e-3)
    falling = distilling.weighted(vectors, distilling.zipf_frequencies(4), without=[])[:, 0]
    assert falling.tolist() == sorted(falling)
    assert distilling.zipf_frequencies(9).sum() == pytest.approx(1)


def test_a_static_graph_adds_up_rows() -> None:
    table = np.array([[9, 9], [1, 0], [0, 2], [0, 0]], np.float32)
    graph = distilling.static_graph(table).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    ids = np.array([[1, 2, 0], [1, 1, 1], [3, 3, 3], [0, 0, 0]], np.int64)
    mask = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]], np.int64)
    [found] = session.run(None, {"input_ids": ids, "attention_mask": mask})
    root = math.sqrt(5)
    wanted = np.array([[1 / root, 2 / root], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
