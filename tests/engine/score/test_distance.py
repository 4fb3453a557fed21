"""Distances against numpy in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from quiverdb.engine.score.distance import nearest, prepare, shown, top
from quiverdb.model.collection import Datatype, Distance, VectorSpec

RNG = np.random.default_rng(5)


def expected(spec: VectorSpec, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The scores that users see."""
    rows, query = rows.astype("f8"), query.astype("f8")
    match spec.distance:
        case Distance.EUCLID:
            return np.linalg.norm(rows - query, axis=1)
        case Distance.MANHATTAN:
            return np.abs(rows - query).sum(axis=1)
        case Distance.DOT:
            return rows @ query
        case Distance.COSINE:
            return rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)


@pytest.mark.parametrize("distance", list(Distance))
@pytest.mark.parametrize("datatype", [Datatype.FLOAT32, Datatype.FLOAT16, Datatype.UINT8])
@pytest.mark.parametrize("chosen", [None, 7, 300])
def test_nearest(distance, datatype, chosen):
    spec = VectorSpec(24, distance, datatype)
    raw = RNG.uniform(0, 255, (400, 24)).astype("f4") if datatype == "uint8" else RNG.normal(size=(400, 24))
    rows = prepare(spec, raw.astype("f4"))
    query = prepare(spec, raw[:1].astype("f4") * 0.5 + 1)[0].astype("f4")
    offsets = None if chosen is None else np.sort(RNG.choice(400, chosen, replace=False))
    found, similarity = nearest(spec, rows, query, offsets, 5)
    pool = np.arange(400) if offsets is None else offsets
    scores = expected(spec, rows[pool], query)
    order = np.argsort(scores if distance in (Distance.EUCLID, Distance.MANHATTAN) else -scores)[:5]
    assert found.tolist() == pool[order].tolist()
    np.testing.assert_allclose(shown(distance, similarity), scores[order], rtol=2e-5, atol=1e-4)


def test_negative_offsets_end_the_list():
    spec = VectorSpec(4, Distance.DOT)
    rows = np.eye(4, dtype="f4")
    found, _ = nearest(spec, rows, rows[2], np.array([1, 2, -1, -1]), 4)
    assert found.tolist() == [2, 1]


def test_cosine_vectors_are_stored_with_unit_length():
    spec = VectorSpec(2, Distance.COSINE)
    stored = prepare(spec, np.array([[3, 4], [0, 0], [0.6, 0.8]], "f4"))
    np.testing.assert_allclose(stored, [[0.6, 0.8], [0, 0], [0.6, 0.8]], rtol=1e-6)


def test_uint8_cuts_and_saturates():
    spec = VectorSpec(4, Distance.COSINE, Datatype.UINT8)
    assert prepare(spec, np.array([[3.7, 400, -5, 2.2]], "f4")).tolist() == [[3, 255, 0, 2]]


def test_top_keeps_ties_in_order():
    assert top(np.array([1, 3, 3, 2, 3], "f4"), 2).tolist() == [1, 2]
    assert top(np.array([1, 3], "f4"), 10).tolist() == [1, 0]
    assert top(np.empty(0, "f4"), 3).tolist() == []
