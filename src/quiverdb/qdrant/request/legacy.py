"""Forms of requests that newer clients dropped, as the forms that replaced them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant.request.parse import fitted, parse, series

__all__ = ["discover_query", "named_vector", "recommend_query", "request_of"]

_SHARED = (
    "filter", "limit", "lookup_from", "offset", "params", "score_threshold", "shard_key", "using", "with_payload",
    "with_vector",
)  # fmt: skip
"""Fields that requests have kept."""


def named_vector(value: Any) -> tuple[str | None, Any]:
    """Split a pair of name and vector, or an object or dict with both; any other vector has no name.

    >>> named_vector(("image", [0.5])), named_vector([0.5])
    (('image', [0.5]), (None, [0.5]))
    """
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return value
    if isinstance(value, Mapping) and value.keys() == {"name", "vector"}:
        return value["name"], value["vector"]
    if type(value).__name__ in ("NamedVector", "NamedSparseVector"):
        return value.name, value.vector
    return None, value


def recommend_query(positive: Any, negative: Any, strategy: Any) -> Any:
    """Return the query that ranks by good and bad examples."""
    return parse("RecommendQuery", {"recommend": {"positive": positive, "negative": negative, "strategy": strategy}})


def discover_query(target: Any, context: Any) -> Any:
    """Return the query that ranks by nearness to a target, by pairs of examples, or by both."""
    pairs = [fitted("ContextPair", _pair(pair)) for pair in series(context or (), "context")]
    if target is not None:
        return parse("DiscoverQuery", {"discover": {"target": target, "context": pairs}})
    if not pairs:
        raise InvalidInputError("discovering needs a target or a context", field="target")
    return parse("ContextQuery", {"context": pairs})


def _pair(value: Any) -> Any:
    if type(value).__name__ == "ContextExamplePair":
        return {"positive": value.positive, "negative": value.negative}
    return value


def request_of(model: str, value: Any) -> models.QueryRequest:
    """Return the request that took the place of a ``SearchRequest``, ``RecommendRequest`` or ``DiscoverRequest``."""
    given = fitted(model, value)
    kept = {name: getattr(given, name) for name in _SHARED if hasattr(given, name)}
    return models.QueryRequest(**kept | _QUERIES[model](given))


def _search(given: Any) -> dict[str, Any]:
    using, vector = named_vector(given.vector)
    return {"using": using, "query": vector}


_QUERIES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "SearchRequest": _search,
    "RecommendRequest": lambda given: {"query": recommend_query(given.positive, given.negative, given.strategy)},
    "DiscoverRequest": lambda given: {"query": discover_query(given.target, given.context)},
}
