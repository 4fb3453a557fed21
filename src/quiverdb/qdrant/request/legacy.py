"""Forms of requests that newer clients dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quiverdb.qdrant.request.parse import parse

__all__ = ["named_vector", "recommend_query"]


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
