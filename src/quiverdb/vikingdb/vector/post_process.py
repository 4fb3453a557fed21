"""Steps that a search takes after it has recalled rows, as functions that return the mappings of the API.

>>> advance = {"post_process_ops": [string_contain("title", "guide"), enum_freq_limiter("author", 2)]}
>>> [step["op"] for step in advance["post_process_ops"]]
['string_contain', 'enum_freq_limiter']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

__all__ = [
    "arctan",
    "decay",
    "enum_freq_limiter",
    "min_max",
    "scalar",
    "score_fusion",
    "string_contain",
    "string_like",
    "string_match",
]

Step: TypeAlias = dict[str, Any]


def string_contain(field: str, pattern: str) -> Step:
    """Keep rows whose text has another one in it.

    >>> string_contain("title", "guide")
    {'op': 'string_contain', 'field': 'title', 'pattern': 'guide'}
    """
    return {"op": "string_contain", "field": field, "pattern": pattern}


def string_match(field: str, pattern: str) -> Step:
    """Keep rows whose text matches a regular expression.

    >>> string_match("title", "^E[0-9]")
    {'op': 'string_match', 'field': 'title', 'pattern': '^E[0-9]'}
    """
    return {"op": "string_match", "field": field, "pattern": pattern}


def string_like(field: str, pattern: str) -> Step:
    """Keep rows whose text is like a pattern in which ``%`` stands for anything.

    >>> string_like("title", "%guide%")
    {'op': 'string_like', 'field': 'title', 'pattern': '%guide%'}
    """
    return {"op": "string_like", "field": field, "pattern": pattern}


def enum_freq_limiter(field: str, threshold: int) -> Step:
    """Keep at most so many rows for each value of a field.

    >>> enum_freq_limiter("author", 2)
    {'op': 'enum_freq_limiter', 'field': 'author', 'threshold': 2}
    """
    return {"op": "enum_freq_limiter", "field": field, "threshold": threshold}


def score_fusion(
    *additions: Mapping[str, Any],
    fusion_by: Literal["add", "multiply"] = "add",
    addition_score_weight: float | None = None,
    normalize_for_origin_score: Mapping[str, Any] | None = None,
    normalize_for_addition_score: Mapping[str, Any] | None = None,
) -> Step:
    """Change scores by what fields say: by ``scalar`` and ``decay``, with weights and normalized if asked.

    >>> score_fusion(decay("price", "exp", origin=10, scale=5), addition_score_weight=0.2)["addition_score_weight"]
    0.2
    """
    step = {
        "op": "score_fusion",
        "fusion_by": fusion_by,
        "addition_score_weight": addition_score_weight,
        "addition_score": list(additions),
        "normalize_for_origin_score": normalize_for_origin_score,
        "normalize_for_addition_score": normalize_for_addition_score,
    }
    return _given(step)


def scalar(field: str, *, factor: float = 1.0) -> Step:
    """Add the number in a field.

    >>> scalar("likes", factor=0.1)
    {'base_value_from': 'scalar_field', 'field': 'likes', 'factor': 0.1}
    """
    return {"base_value_from": "scalar_field", "field": field, "factor": factor}


def decay(
    field: str,
    func: Literal["linear", "exp", "gauss"],
    *,
    scale: Any,
    origin: Any = None,
    offset: Any = None,
    decay: float | None = None,
    factor: float = 1.0,
) -> Step:
    """Add a number that shrinks with the distance of a field from ``origin``: at ``scale`` it is ``decay``.

    >>> decay("at", "gauss", scale="7d")["func"]
    'gauss'
    """
    terms = {"func": func, "origin": origin, "offset": offset, "scale": scale, "decay": decay}
    return {"base_value_from": "decay_func", "field": field, "factor": factor, **_given(terms)}


def arctan(*, factor: float | None = None, offset: float | None = None) -> Step:
    """Bring scores between 0 and 1 by their arc tangent.

    >>> arctan(factor=2)
    {'enable': True, 'func': 'arctan', 'arctan_factor': 2}
    """
    return _given({"enable": True, "func": "arctan", "arctan_factor": factor, "arctan_offset": offset})


def min_max() -> Step:
    """Bring scores between 0 and 1 by the smallest and the largest.

    >>> min_max()
    {'enable': True, 'func': 'min_max'}
    """
    return {"enable": True, "func": "min_max"}


def _given(terms: Mapping[str, Any]) -> Step:
    return {name: term for name, term in terms.items() if term is not None}
