"""One plain shape for what any database under test answers, and the comparison of two such answers."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PointId = int | str
Vectors = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Row:
    """A point as a database returned it."""

    id: PointId
    payload: dict[str, Any] | None = None
    vectors: Vectors | None = None
    score: float | None = None
    order_value: int | float | None = None
    version: int | None = None


def plain_id(value: Any) -> PointId:
    """Bring an id into its one spelling."""
    return value if isinstance(value, int) else str(uuid.UUID(str(value)))


def sort_key(value: PointId) -> tuple[bool, int]:
    """Order integers before UUIDs, as Qdrant does."""
    return (False, value) if isinstance(value, int) else (True, uuid.UUID(value).int)


def plain_vectors(value: Any) -> Vectors | None:
    """Bring one vector or a mapping of vectors into a mapping; ``None`` when there is none.

    A sparse vector is a row of indices and one of values.
    """
    if value is None:
        return None
    named = value if isinstance(value, Mapping) else {"": value}
    dense = {
        name: (vector.indices, vector.values) if hasattr(vector, "indices") else vector
        for name, vector in named.items()
    }
    return {name: np.asarray(vector, dtype=np.float64) for name, vector in dense.items()}


def row(point: Any) -> Row:
    """Read a Record or ScoredPoint of a Qdrant client or of Edge; absent vectors and no vectors are the same."""
    return Row(
        id=plain_id(point.id),
        payload=point.payload,
        vectors=plain_vectors(point.vector) or None,
        score=getattr(point, "score", None),
        order_value=getattr(point, "order_value", None),
        version=getattr(point, "version", None),
    )


def rows(points: Iterable[Any]) -> list[Row]:
    return [row(point) for point in points]


def assert_vectors(got: Vectors | None, want: Vectors | None, tolerance: float, about: object) -> None:
    """Compare the vectors of one point."""
    assert set(got or {}) == set(want or {}), f"{about}: vectors {got} instead of {want}"
    for name, expected in (want or {}).items():
        np.testing.assert_allclose(
            (got or {})[name], expected, rtol=tolerance, atol=tolerance, err_msg=f"{about} {name}"
        )


def typed(value: Any) -> Any:
    """Tag scalars with their type, since ``True == 1 == 1.0`` in Python but not in a payload."""
    if isinstance(value, Mapping):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    return type(value).__name__, value


def assert_row(got: Row, want: Row, tolerance: float = 1e-4) -> None:
    """Compare two points but for score and version."""
    assert got.id == want.id
    assert typed(got.payload) == typed(want.payload), (
        f"point {want.id}: payload {got.payload} instead of {want.payload}"
    )
    assert_vectors(got.vectors, want.vectors, tolerance, f"point {want.id}")


def assert_rows(got: Sequence[Row], want: Sequence[Row], tolerance: float = 1e-4) -> None:
    """Compare lists of points in their order."""
    assert [item.id for item in got] == [item.id for item in want]
    for one, other in zip(got, want, strict=True):
        assert_row(one, other, tolerance)


def close(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def assert_ranked(
    got: Sequence[Row], everything: Sequence[Row], *, limit: int, offset: int = 0, tolerance: float = 1e-4
) -> None:
    """Check a page of hits against the oracle's hits without limit; points of equal score may stand in any order."""
    expected = [item.score for item in everything][offset : offset + limit]
    scores = [item.score for item in got]
    assert len(scores) == len(expected), f"{len(scores)} hits instead of {len(expected)}: {scores} / {expected}"
    assert len({item.id for item in got}) == len(got), "a point was returned twice"
    truth = {item.id: item for item in everything}
    for hit, score in zip(got, expected, strict=True):
        assert hit.id in truth, f"point {hit.id} should not be returned"
        assert close(hit.score, score, tolerance), f"scores {scores} instead of {expected}"
        assert close(hit.score, truth[hit.id].score, tolerance), f"point {hit.id}: score {hit.score}"
        assert_row(hit, truth[hit.id], tolerance)
