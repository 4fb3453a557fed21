"""Vectors and terms are read from all the shapes that callers write, and nothing else passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.service.values import dense_values, sparse_terms, sparse_values

SHAPES = [[1.0, 2.0], [1, 2], (1.0, 2), np.array([1.0, 2.0]), np.array([1, 2], "u1"), [np.float16(1), np.int8(2)]]


@pytest.mark.parametrize("given", SHAPES, ids=repr)
def test_dense(given: Any) -> None:
    found = dense_values(given, 2)
    assert found.dtype == np.float32
    assert found.tolist() == [1.0, 2.0]


WRONG_NUMBERS = [
    None,
    7,
    "12",
    b"12",
    {},
    {"0": 1.0},
    ["1", "2"],
    [1.0, "2"],
    [1.0, None],
    [[1.0, 2.0]],
    [[1.0], 2.0],
    [1.0, float("nan")],
    [1.0, float("inf")],
    [1.0, 1e39],
    [1.0, 10**400],
    [1.0, 2j],
    np.zeros((1, 2)),
    np.float32(1),
    object(),
]


@pytest.mark.parametrize("given", WRONG_NUMBERS, ids=lambda value: repr(value)[:20])
def test_wrong_dense(given: Any) -> None:
    with pytest.raises(ValidationError, match="dense vector must be"):
        dense_values(given, 2)


def test_dimension() -> None:
    with pytest.raises(ValidationError, match=r"^Expected dimension of dense vector to be 3, found 2$") as caught:
        dense_values([1.0, 2.0], 3)
    assert caught.value.status == 400
    with pytest.raises(ValidationError, match="found 0"):
        dense_values([], 3)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(-10, 10, width=32)), max_size=6))
def test_terms_in_all_shapes(pairs: list[tuple[int, float]]) -> None:
    sums: dict[int, float] = {}
    for index, value in pairs:
        sums[index] = sums.get(index, 0.0) + value
    objects = [{"index": index, "value": value} for index, value in pairs]
    shapes: list[Any] = [pairs, [list(pair) for pair in pairs], objects, sums, {str(i): v for i, v in sums.items()}]
    for shape in shapes:
        found = sparse_terms(shape)
        assert found.indices.tolist() == sorted(sums)
        np.testing.assert_allclose(found.values, [sums[index] for index in sorted(sums)], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "terms",
    [
        None,
        7,
        "1",
        [1, 2],
        [[1]],
        [[1, 2, 3]],
        [{"index": 1}],
        [{"index": 1, "value": 2.0, "weight": 3}],
        [["1", 2.0]],
        [[1.5, 2.0]],
        [[-1, 2.0]],
        [[2**32, 2.0]],
        [[10**30, 2.0]],
        [[True, 2.0]],
        [[1, "2"]],
        [[1, None]],
        [[1, float("nan")]],
        [[1, [2.0]]],
        {"one": 1.0},
        {"-1": 1.0},
        {"1.0": 1.0},
        {1: None},
    ],
    ids=repr,
)
def test_wrong_terms(terms: Any) -> None:
    with pytest.raises(ValidationError, match="sparse"):
        sparse_terms(terms)


def test_sums_of_terms_stay_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        sparse_terms([[1, 3e38], [1, 3e38]])


def test_sparse_values() -> None:
    found = sparse_values(np.array([9, 3]), [0.5, -1])
    assert (found.indices.tolist(), found.values.tolist()) == ([3, 9], [-1.0, 0.5])
    assert len(sparse_values([], []).indices) == 0


@pytest.mark.parametrize(
    ("indices", "values", "words"),
    [
        ([1, 2], [1.0], "differ in length: 2 and 1"),
        ([4, 1, 4], [1.0, 2.0, 3.0], "hold 4 twice"),
        ([1.5], [1.0], "integers"),
        ([-1], [1.0], "integers"),
        ("12", [1.0], "list of numbers"),
        ([1], "1", "list of numbers"),
        ([1], [float("nan")], "finite"),
    ],
)
def test_wrong_sparse_values(indices: Any, values: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        sparse_values(indices, values)
