"""How large requests and collections are, in the units that limits count in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from quiverdb.engine.examples import inputs
from quiverdb.engine.index.needed import conditions_of
from quiverdb.engine.view import View, to_array
from quiverdb.model.filter import Condition, Filter, HasId, MatchAny, MatchExcept, MatchSubstring, Nested
from quiverdb.model.point import DenseColumn, SparseVector, VectorValue
from quiverdb.model.query import Formula, Fusion, Query, QueryKind, Recommend, VectorInput
from quiverdb.model.write import UpdateVectors, Upsert, WriteOperation

__all__ = [
    "condition_count",
    "cost",
    "largest_condition",
    "lengths",
    "payload_bytes",
    "point_count",
    "substring_key",
    "vector_bytes",
]


def cost(query: Query, inherited: int = 0) -> int:
    """Return the comparisons that a query makes with a point: conditions, its own and inherited ones, and vectors."""
    conditions = inherited + condition_count(query.filter)
    below = sum(cost(inner, conditions) for inner in query.prefetch)
    if query.prefetch and isinstance(query.kind, Fusion | Formula):
        return below
    return below + conditions + sum(map(_comparisons, _examples(query.kind)))


def _examples(kind: QueryKind | None) -> Iterable[VectorInput | None]:
    """Return the vectors with which a query compares each point; one of no matter which when there are none."""
    if isinstance(kind, Recommend) and kind.strategy == "average_vector":
        return (None,)
    return inputs(kind) or (None,)


def _comparisons(vector: VectorInput | None) -> int:
    if isinstance(vector, SparseVector):
        return len(vector.indices)
    return len(vector) if isinstance(vector, np.ndarray) and vector.ndim == 2 else 1


def point_count(operation: WriteOperation, found: Callable[[Filter], int]) -> int:
    """Return how many points an operation is about."""
    if isinstance(operation, Upsert | UpdateVectors):
        return len(operation.points.ids)
    selector = getattr(operation, "selector", ())
    return found(selector) if isinstance(selector, Filter) else len(selector)


def condition_count(filter: Filter | None) -> int:
    """Count the conditions of a filter, at all depths."""
    return 0 if filter is None else sum(map(_conditions, conditions_of(filter)))


def _conditions(condition: Condition) -> int:
    match condition:
        case Filter():
            return condition_count(condition)
        case Nested(_, inner):
            return condition_count(inner)
        case _:
            return 1


def largest_condition(filter: Filter) -> int:
    """Return the number of values in the longest list of a filter."""
    return max(map(_values, conditions_of(filter)), default=0)


def _values(condition: Condition) -> int:
    match condition:
        case MatchAny(_, values) | MatchExcept(_, values):
            return len(values)
        case HasId(ids):
            return len(ids)
        case Filter():
            return largest_condition(condition)
        case Nested(_, inner):
            return largest_condition(inner)
        case _:
            return 0


def substring_key(filter: Filter) -> str | None:
    """Return a key that a filter searches for a substring."""
    for condition in conditions_of(filter):
        inner = condition.filter if isinstance(condition, Nested) else condition
        if isinstance(inner, MatchSubstring):
            return inner.key
        if isinstance(inner, Filter) and (key := substring_key(inner)) is not None:
            return key
    return None


def lengths(column: DenseColumn | Sequence[VectorValue | None] | None, what: str) -> Iterator[int]:
    """Go through the numbers of rows of multivectors, or of entries of sparse vectors, in a column."""
    if column is None or isinstance(column, DenseColumn):
        return
    for value in column:
        if isinstance(value, SparseVector):
            if what == "Sparse vector":
                yield len(value.indices)
        elif value is not None and what == "Multivector":
            yield len(value)


def vector_bytes(view: View) -> int:
    """Return the bytes that the vectors of live points take."""
    dense = sum(_row_count(view, name) * view.row_size(name) for name in view.schema.spec.vectors)
    return dense + _record_bytes(view, "extra")


def _row_count(view: View, name: str) -> int:
    """Count the rows that live points have stored under the name of a dense vector or multivector."""
    having = view.with_vector(name)
    if view.schema.spec.vectors[name].multivector is None:
        return len(having)
    return int(view.spans(name)[to_array(having), 1].sum())


def payload_bytes(view: View) -> int:
    """Return the bytes that the payloads of live points take."""
    return _record_bytes(view, "payload")


def _record_bytes(view: View, part: str) -> int:
    return int(view.rows[part][to_array(view.live)].sum(dtype=np.int64))
