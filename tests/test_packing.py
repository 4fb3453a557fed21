from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quiverdb.packing import shortest


def plainly(values: np.ndarray) -> list[float]:
    return [float(str(value)) for value in values]


@given(arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32, allow_nan=False)))
def test_numbers_are_the_shortest_decimals_that_mean_them(values: np.ndarray) -> None:
    assert shortest(values) == plainly(values)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).standard_normal(5_000).astype(np.float32),
        np.random.default_rng(2).integers(0, 2**32, 5_000, dtype=np.uint32).view(np.float32),
        np.random.default_rng(3).integers(-10_000, 10_000, 5_000).astype(np.float32) / np.float32(1000),
        (2.0 ** np.arange(-149, 128)).astype(np.float32),
        10.0 ** np.arange(-45, 39, dtype=np.float64).astype(np.float32),
    ],
    ids=["normal", "any bits", "thousandths", "powers of two", "powers of ten"],
)
def test_numbers_of_every_size(values: np.ndarray) -> None:
    values = values[np.isfinite(values)]
    assert shortest(values) == plainly(values)


def test_what_is_no_number_stays() -> None:
    assert str(shortest(np.array([np.nan, np.inf, -np.inf, -0.0], np.float32))) == "[nan, inf, -inf, -0.0]"
