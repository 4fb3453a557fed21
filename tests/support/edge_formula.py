"""Formulas of the Qdrant dialect as the oracle takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as qe
from edge import _condition, _maybe, _place, date_text

__all__ = ["edge_formula"]

_MANY = {"MultExpression": "mult", "SumExpression": "sum", "MaxExpression": "max", "MinExpression": "min"}
_ONE = {
    "NegExpression": "neg",
    "AbsExpression": "abs",
    "SqrtExpression": "sqrt",
    "ExpExpression": "exp",
    "Log10Expression": "log10",
    "LnExpression": "ln",
    "AcoshExpression": "acosh",
}
_DECAYS = {"LinDecayExpression": "lin", "ExpDecayExpression": "exp", "GaussDecayExpression": "gauss"}


def edge_formula(query: Any) -> qe.Formula:
    """Convert a FormulaQuery."""
    return qe.Formula(_expression(query.formula), query.defaults or {})


def _expression(value: Any) -> qe.Expression:
    if isinstance(value, str):
        return qe.Expression.Variable(value)
    if isinstance(value, (int, float)):
        return qe.Expression.Constant(value)
    name = type(value).__name__
    if name in _MANY:
        parts = [_expression(part) for part in getattr(value, _MANY[name])]
        return getattr(qe.Expression, _MANY[name].capitalize())(parts)
    if name in _ONE:
        return getattr(qe.Expression, _ONE[name].capitalize())(_expression(getattr(value, _ONE[name])))
    if name in _DECAYS:
        kind = _DECAYS[name]
        params = getattr(value, f"{kind}_decay")
        return qe.Expression.Decay(
            getattr(qe.DecayKind, kind.capitalize()),
            _expression(params.x),
            _maybe(_expression, params.target),
            params.midpoint,
            params.scale,
        )
    return _OTHERS.get(name, lambda node: qe.Expression.Condition(_condition(node)))(value)


_OTHERS: dict[str, Callable[[Any], qe.Expression]] = {
    "DivExpression": lambda node: qe.Expression.Div(
        _expression(node.div.left), _expression(node.div.right), node.div.by_zero_default
    ),
    "PowExpression": lambda node: qe.Expression.Pow(_expression(node.pow.base), _expression(node.pow.exponent)),
    "DatetimeExpression": lambda node: qe.Expression.Datetime(date_text(node.datetime)),
    "DatetimeKeyExpression": lambda node: qe.Expression.DatetimeKey(node.datetime_key),
    "GeoDistance": lambda node: qe.Expression.GeoDistance(_place(node.geo_distance.origin), node.geo_distance.to),
}
