"""Bodies of searches: what was asked is read and checked here, so that what comes out can be ranked.

A body is a mapping without nulls; ``fields`` makes it. A search asks one question, or several if it is hybrid.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from reprlib import repr as short
from typing import Any, NamedTuple, TypeAlias, TypeVar

from quiverdb.cosdata.errors import NotFoundError, ValidationError
from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.cosdata.service.changes import compared
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.filters import filter_of
from quiverdb.cosdata.service.layout import DENSE, PAST_DENSE, PAST_SPARSE, PAST_TOKENS, SPARSE, TOKENS
from quiverdb.cosdata.service.rankings import Question
from quiverdb.cosdata.service.state import State
from quiverdb.cosdata.service.text import tokens_of
from quiverdb.cosdata.service.values import dense_values, finite, sparse_terms
from quiverdb.model.point import FloatArray
from quiverdb.model.query import Nearest, PointRef, SearchParams, Text

__all__ = ["ALONE", "BATCHES", "Body", "Search", "dense_question", "fields", "flag", "in_batch"]

Body: TypeAlias = Mapping[str, Any]
_T = TypeVar("_T")

_TOP_K = 10
_CONSTANT = 60.0
_DEEPER = 3
"""So many times as deep as the answer are the rankings that are fused."""


class Search(NamedTuple):
    """What a search asks, how many results it wants, and what is added to ranks where they are fused."""

    questions: Sequence[Question]
    top_k: int
    constant: float = _CONSTANT


_Read: TypeAlias = Callable[[State, Body], Search]


class _Batch(NamedTuple):
    """How the searches of a batch are read: the name of their list, and what becomes of what stands in it."""

    listed: str
    body_of: Callable[[Any], Body]
    read: _Read


def fields(given: Any, known: Collection[str]) -> Body:
    """Return what is given and not null; raises ``ValidationError`` for fields that are not known.

    >>> fields({"top_k": 3, "filter": None}, ("top_k", "filter"))
    {'top_k': 3}
    """
    if not isinstance(given, Mapping):
        raise ValidationError(f"Json deserialize error: {short(given)} is no object with {_listed(known)}")
    for name in given:
        if name not in known:
            raise ValidationError(f"Json deserialize error: unknown field `{name}`, expected one of {_listed(known)}")
    return {name: value for name, value in given.items() if value is not None}


def flag(body: Body, name: str) -> bool:
    """Return a field that is true or false, false if it is not given; raises ``ValidationError`` otherwise."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise ValidationError(f"{name} must be true or false, got {short(value)}")
    return value


def in_batch(state: State, body: Body, batch: _Batch) -> list[Search]:
    """Read the searches of a batch; each inherits what stands beside their list."""
    items = required(body, batch.listed)
    if not isinstance(items, list | tuple):
        raise ValidationError(f"{batch.listed} must be a list, got {type(items).__name__}")
    searches = []
    for place, item in enumerate(items):
        try:
            searches.append(batch.read(state, {**body, **batch.body_of(item)}))
        except ValidationError as error:
            raise ValidationError(f"{error} (in {batch.listed}[{place}])") from error
    return searches


def dense_question(state: State, vector: FloatArray | PointRef, top_k: int, filter: Any = None) -> Question:
    """Ask the dense index for the nearest vectors; raises ``NotFoundError`` if there is none."""
    index, schema = _index(state, state.settings.dense, "HNSW"), state.settings.metadata_schema
    if not isinstance(vector, PointRef):
        vector = compared(index, vector)
    filters = filter_of(schema, filter), filter_of(schema, filter, past=True)
    return Question(
        Nearest(vector), (DENSE, PAST_DENSE), top_k, SearchParams(ef=max(index.ef_search, 1)), filters, index.metric
    )


def _dense(state: State, body: Body, vector: str = "query_vector") -> Search:
    top_k = _top_k(body)
    return Search([_dense_question(state, body, vector, top_k)], top_k)


def _sparse(state: State, body: Body) -> Search:
    _check_threshold(body, "early_terminate_threshold")
    top_k = _top_k(body)
    return Search([_sparse_question(state, body, "query_terms", top_k)], top_k)


def _text(state: State, body: Body) -> Search:
    top_k = _top_k(body)
    return Search([_text_question(state, body, "query", top_k)], top_k)


def _hybrid(state: State, body: Body) -> Search:
    _check_threshold(body, "sparse_early_terminate_threshold")
    top_k, constant = _top_k(body), _number(body, "fusion_constant_k", _CONSTANT)
    if constant <= 0 or math.isinf(1 / constant):
        raise ValidationError(f"fusion_constant_k must be greater than 0, got {constant}")
    asked = [name for name in _HYBRID if name in body]
    if len(asked) < 2:
        raise ValidationError(f"the query did not match any variant: give two of {_listed(_HYBRID)}, got {asked}")
    return Search([_HYBRID[name](state, body, name, top_k * _DEEPER) for name in asked], top_k, constant)


def _dense_question(state: State, body: Body, name: str, top_k: int) -> Question:
    _index(state, state.settings.dense, "HNSW")
    vector = dense_values(required(body, name), state.settings.dimension)
    return dense_question(state, vector, top_k, body.get("filter"))


def _sparse_question(state: State, body: Body, name: str, top_k: int) -> Question:
    _index(state, state.settings.sparse, "Sparse")
    terms = sparse_terms(required(body, name))
    return Question(Nearest(terms) if len(terms.indices) else None, (SPARSE, PAST_SPARSE), top_k)


def _text_question(state: State, body: Body, name: str, top_k: int) -> Question:
    index, text = _index(state, state.settings.text, "TF-IDF"), required(body, name)
    if not isinstance(text, str):
        raise ValidationError(f"{name} must be a string, got {short(text)}")
    tokens = tokens_of(text)
    return Question(Text(" ".join(tokens), index.k1, index.b) if tokens else None, (TOKENS, PAST_TOKENS), top_k)


def _index(state: State, index: _T | None, label: str) -> _T:
    if index is None:
        sentence = f"Required index not found: {label} index for collection '{state.name}'"
        raise NotFoundError(f"{sentence}; create it first", status=400)
    return index


def _top_k(body: Body) -> int:
    value = body.get("top_k", _TOP_K)
    try:
        top_k = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        top_k = 0
    if top_k < 1:
        raise ValidationError(f"top_k must be an integer of at least 1, got {short(value)}")
    return top_k


def _number(body: Body, name: str, default: float) -> float:
    value = finite(body.get(name, default))
    if value is None:
        raise ValidationError(f"{name} must be a finite number, got {short(body[name])}")
    return value


def _check_threshold(body: Body, name: str) -> None:
    if not 0 <= _number(body, name, 0.0) <= 1:
        raise ValidationError(f"Invalid `{name}` value (must be between 0.0 and 1.0), got {body[name]!r}")


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_HYBRID: Mapping[str, Callable[[State, Body, str, int], Question]] = {
    "query_vector": _dense_question,
    "query_terms": _sparse_question,
    "query_text": _text_question,
}
_OF_THE_WHOLE = ("return_raw_text", "version")
_HYBRID_FIELDS = tuple(name for name in OPERATIONS["search_hybrid"].body if name not in _OF_THE_WHOLE)

ALONE: Mapping[str, _Read] = {
    "search_dense": _dense,
    "search_sparse": _sparse,
    "search_text": _text,
    "search_hybrid": _hybrid,
}
BATCHES: Mapping[str, _Batch] = {
    "batch_search_dense": _Batch(
        "queries", partial(fields, known=("vector", "filter", "top_k")), partial(_dense, vector="vector")
    ),
    "batch_search_sparse": _Batch("query_terms_list", lambda terms: {"query_terms": terms}, _sparse),
    "batch_search_text": _Batch("queries", lambda text: {"query": text}, _text),
    "batch_search_hybrid": _Batch("queries", partial(fields, known=_HYBRID_FIELDS), _hybrid),
}
