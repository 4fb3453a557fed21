"""Stored forms: what goes in comes out, and queries compare with what comes out.

The turbo datatypes are held against Qdrant's own: their error may not be greater. The rotations differ, so that a
single vector may fare worse in one of them; what counts is the mean over many of several kinds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from edge import EdgeCollection

from quiverdb.engine.score.distance import nearest, prepare, prepare_query, shown, similarities
from quiverdb.engine.score.forms import form_of, raw, row_bytes
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.point import FloatArray
from quiverdb.qdrant import models

TURBO = [Datatype.TURBO4, Datatype.TURBO8, Datatype.TURBO16]
BYTES = {Datatype.FLOAT32: 4.0, Datatype.FLOAT16: 2.0, Datatype.UINT8: 1.0}
BITS = {Datatype.TURBO4: 4, Datatype.TURBO8: 8, Datatype.TURBO16: 16}


def samples(size: int, count: int = 60) -> FloatArray:
    """Normal, long-tailed and positive vectors, and some that lie on an axis."""
    random = np.random.default_rng(size)
    kinds = [
        random.normal(size=(count, size)),
        random.normal(size=(count, size)) ** 9,
        random.uniform(size=(count, size)),
        np.eye(size)[random.integers(0, size, 5)] * 3,
    ]
    rows = np.concatenate(kinds).astype(np.float32)
    return rows[np.linalg.norm(rows, axis=1) > 1e-6]


def error(got: npt.NDArray[np.floating], want: FloatArray) -> npt.NDArray[np.floating]:
    return np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 65, 100, 384])
@pytest.mark.parametrize("datatype", TURBO)
def test_turbo_errs_no_more_than_the_core_does(datatype: Datatype, size: int) -> None:
    rows = samples(size)
    edge = EdgeCollection(models.VectorParams(size=size, distance="Dot", datatype=models.Datatype(datatype.value)))
    edge.upsert([models.PointStruct(id=number, vector=row.tolist()) for number, row in enumerate(rows)])
    found = edge.scroll(limit=len(rows), with_vectors=True)[0]
    edge.close()
    theirs = error(np.array([row.vectors[""] for row in found if row.vectors]), rows)
    form = form_of(VectorSpec(size, Distance.DOT, datatype))
    ours = error(form.decode(form.encode(rows)), rows)
    # Evenly spaced levels err alike in any rotation, give or take its luck.
    assert ours.mean() <= theirs.mean() * (1.0 if datatype is Datatype.TURBO4 else 1.1) + 1e-7
    assert ours.max() <= theirs.max() * 1.25 + 1e-6


@pytest.mark.parametrize("datatype", list(Datatype))
@pytest.mark.parametrize("size", [1, 7, 32])
def test_a_stored_row_has_the_promised_size(datatype: Datatype, size: int) -> None:
    form = form_of(VectorSpec(size, Distance.DOT, datatype))
    want = int(BYTES[datatype] * size) if datatype in BYTES else 4 + (size * BITS[datatype] + 7) // 8
    stored = form.encode(np.ones((3, size), np.float32))
    assert row_bytes(form) == want
    assert len(raw(stored)) == want * len(stored)
    assert stored.shape[1:] == form.shape


@pytest.mark.parametrize("datatype", TURBO)
@pytest.mark.parametrize("distance", list(Distance))
def test_scores_come_from_what_is_read_back(datatype: Datatype, distance: Distance) -> None:
    random = np.random.default_rng(7)
    spec = VectorSpec(24, distance, datatype)
    stored = prepare(spec, random.normal(size=(300, 24)))
    rows, shown_rows = form_of(spec).rows(stored), form_of(spec).decode(stored)
    plain = VectorSpec(24, distance)
    query = prepare(plain, random.normal(size=(1, 24)))
    compared = prepare_query(spec, query)[0]
    want = shown(distance, similarities(plain, shown_rows, query[0]))
    np.testing.assert_allclose(shown(distance, similarities(spec, rows, compared)), want, rtol=1e-4, atol=1e-5)
    chosen = np.sort(random.choice(300, 100, replace=False))
    found, similarity = nearest(spec, rows, compared, chosen, 10)
    order = np.argsort(want[chosen] if distance in (Distance.EUCLID, Distance.MANHATTAN) else -want[chosen])[:10]
    assert found.tolist() == chosen[order].tolist()
    np.testing.assert_allclose(shown(distance, similarity), want[chosen][order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("datatype", TURBO)
def test_turbo_keeps_zeros_lengths_and_extremes(datatype: Datatype) -> None:
    form = form_of(VectorSpec(6, Distance.DOT, datatype))
    rows = np.array([[0] * 6, [1e30, 2e30, 0, 0, 1e30, 0], [0, 1e-30, 3e-30, 0, 0, 0], [3, 4, 0, 0, 0, 0]], np.float32)
    got = form.decode(form.encode(rows)).astype(np.float64)
    assert got[0].tolist() == [0] * 6
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), np.linalg.norm(rows.astype(np.float64), axis=1), rtol=1e-5)
    assert (error(got[1:], rows[1:].astype(np.float64)) < 0.15).all()


@pytest.mark.parametrize("datatype", list(Datatype))
def test_no_rows_are_fine(datatype: Datatype) -> None:
    form = form_of(VectorSpec(5, Distance.DOT, datatype))
    stored = form.encode(np.empty((0, 5), np.float32))
    assert len(raw(stored)) == 0
    assert form.decode(stored).shape == (0, 5)


@pytest.mark.parametrize("datatype", TURBO)
def test_the_stored_form_never_changes(datatype: Datatype) -> None:
    """Folders written once must read the same for ever."""
    form = form_of(VectorSpec(5, Distance.DOT, datatype))
    data, vector = FROZEN[datatype]
    np.testing.assert_allclose(form.decode(np.frombuffer(bytes.fromhex(data), form.dtype))[0], vector, atol=2e-5)


FROZEN = {
    Datatype.TURBO4: ("3ca340407d2903", [0.81028, -2.36476, 2.89197, 0.49847, 6.95625]),
    Datatype.TURBO8: ("b9011f3d7cfb15819c", [0.99476, -2.00408, 3.0037, 0.50951, 6.99731]),
    Datatype.TURBO16: ("95be22391f7948fb7314bb83799e", [0.99997, -1.99995, 2.99998, 0.49997, 7.00003]),
}
