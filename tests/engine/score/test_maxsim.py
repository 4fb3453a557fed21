"""MaxSim against its definition, in double precision."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from quiverdb.engine.score import maxsim
from quiverdb.engine.score.distance import prepare, prepare_query, shown, similarities
from quiverdb.engine.score.forms import Rows, form_of
from quiverdb.engine.score.maxsim import max_similarities, runs
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.point import FloatArray

SIZE = 6


def spans_of(random: np.random.Generator, rows: int, points: int) -> maxsim.Spans:
    """Spans in any order, some next to each other and some used twice."""
    starts = random.integers(0, rows - 5, points)
    starts[: points // 2] = np.arange(0, 5 * (points // 2), 5)
    return np.stack([starts, np.where(np.arange(points) < points // 2, 5, random.integers(1, 6, points))], axis=1)


def defined(spec: VectorSpec, rows: Rows, spans: maxsim.Spans, query: FloatArray) -> list[float]:
    found = []
    for start, count in spans.tolist():
        part = rows[start : start + count]
        found.append(sum(float(similarities(spec, part, row).max()) for row in query))
    return found


@pytest.mark.parametrize("distance", list(Distance))
@pytest.mark.parametrize("datatype", list(Datatype))
@pytest.mark.parametrize("block", [1 << 22, 40])
def test_max_similarities(datatype: Datatype, distance: Distance, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maxsim, "_BLOCK", block)
    random = np.random.default_rng(3)
    spec = VectorSpec(SIZE, distance, datatype, "max_sim")
    stored = prepare(spec, random.uniform(0, 200, (120, SIZE)))
    rows, spans = form_of(spec).rows(stored), spans_of(random, 120, 40)
    query = prepare_query(spec, random.uniform(0, 200, (7, SIZE)).astype(np.float32))
    got = max_similarities(spec, rows, spans, query)
    want = defined(spec, rows, spans, query)
    np.testing.assert_allclose(shown(distance, got), shown(distance, np.array(want)), rtol=1e-5, atol=1e-3)


def test_equal_rows_are_at_no_distance() -> None:
    spec = VectorSpec(3, Distance.EUCLID, multivector="max_sim")
    rows = np.array([[1e4, -1e4, 1.0], [3.0, 4.0, 5.0]], np.float32)
    assert shown(Distance.EUCLID, max_similarities(spec, rows, np.array([[0, 2]]), rows))[0] < 1e-3


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_runs_hold_every_row_once_and_no_more_than_the_limit(limit: int) -> None:
    random = np.random.default_rng(1)
    spans = spans_of(random, 60, 20)
    members = [
        list(range(*rows.indices(60))) if isinstance(rows, slice) else rows.tolist() for _, rows in runs(spans, limit)
    ]
    assert list(chain.from_iterable(members)) == [
        row for start, count in spans.tolist() for row in range(start, start + count)
    ]
    for (part, _), rows in zip(runs(spans, limit), members, strict=True):
        assert len(rows) == spans[part, 1].sum()
        assert len(rows) <= limit or part.stop - part.start == 1


def test_no_spans() -> None:
    spec = VectorSpec(3, Distance.DOT, multivector="max_sim")
    rows = np.empty((0, 3), np.float32)
    assert not len(max_similarities(spec, rows, np.empty((0, 2), np.int64), np.ones((1, 3), np.float32)))
