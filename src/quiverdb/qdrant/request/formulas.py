"""Formulas: expressions over scores and payload values.

Operands keep their order: ``div`` has left and right, ``pow`` base and exponent, a decay its value and its target.
Parameters left out are filled in, except ``by_zero_default``, which has no default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from quiverdb.errors import InvalidInputError
from quiverdb.model.query import Expression, Formula
from quiverdb.qdrant.request.filters import condition, geo_point, micros
from quiverdb.qdrant.request.parse import dispatch, plain

__all__ = ["expression", "formula"]

_SCORE = re.compile(r"\$score(?:\[(\d+)\])?").fullmatch
_SCALE = 1.0
_MIDPOINT = 0.5

_Many = Literal["mult", "sum", "max", "min"]
_One = Literal["neg", "abs", "sqrt", "exp", "log10", "ln", "acosh"]
_Decay = Literal["lin_decay", "exp_decay", "gauss_decay"]


def formula(value: Any) -> Formula:
    """Return the formula of a ``FormulaQuery``."""
    defaults = {key: plain(item) for key, item in (value.defaults or {}).items()}
    for name in defaults:
        _variable(name)
    return Formula(expression(value.formula), defaults)


def expression(value: Any) -> Expression:
    """Return one node of a formula with all below it."""
    if isinstance(value, str):
        return _variable(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Expression("const", value=float(value))
    return dispatch(_EXPRESSIONS, "Expression", value)


def _variable(name: str) -> Expression:
    if not name.startswith("$"):
        return Expression("key", value=name)
    found = _SCORE(name)
    if found is None:
        raise InvalidInputError(
            f'{name!r} is no variable: write "$score", "$score[1]" or a payload key', field="formula"
        )
    return Expression("score", value=int(found.group(1) or 0))


def _many(op: _Many) -> Callable[[Any], Expression]:
    def build(node: Any) -> Expression:
        parts = getattr(node, op)
        if not parts and op in ("max", "min"):
            raise InvalidInputError(f"{op} needs at least one operand", field="formula")
        return Expression(op, tuple(expression(part) for part in parts))

    return build


def _one(op: _One) -> Callable[[Any], Expression]:
    return lambda node: Expression(op, (expression(getattr(node, op)),))


def _decay(op: _Decay) -> Callable[[Any], Expression]:
    def build(node: Any) -> Expression:
        params = getattr(node, op)
        scale = _SCALE if params.scale is None else float(params.scale)
        midpoint = _MIDPOINT if params.midpoint is None else float(params.midpoint)
        if not scale > 0:
            raise InvalidInputError(f"the scale of a decay must be positive, got {scale}", field="scale")
        if not (0 < midpoint < 1 or (op == "lin_decay" and 0 <= midpoint <= 1)):
            raise InvalidInputError(f"the midpoint of a decay lies between 0 and 1, got {midpoint}", field="midpoint")
        target = expression(0.0 if params.target is None else params.target)
        return Expression(op, (expression(params.x), target), params={"scale": scale, "midpoint": midpoint})

    return build


def _div(node: Any) -> Expression:
    part = node.div
    instead = None if part.by_zero_default is None else float(part.by_zero_default)
    return Expression("div", (expression(part.left), expression(part.right)), params={"by_zero_default": instead})


def _pow(node: Any) -> Expression:
    return Expression("pow", (expression(node.pow.base), expression(node.pow.exponent)))


def _geo_distance(node: Any) -> Expression:
    part = node.geo_distance
    return Expression("geo_distance", value=part.to, origin=geo_point(part.origin))


def _condition(node: Any) -> Expression:
    return Expression("condition", value=condition(node))


_CONDITIONS = (
    "FieldCondition",
    "IsEmptyCondition",
    "IsNullCondition",
    "HasIdCondition",
    "HasVectorCondition",
    "SliceCondition",
    "NestedCondition",
    "Filter",
)

_EXPRESSIONS: dict[str, Callable[[Any], Expression]] = {
    "GeoDistance": _geo_distance,
    "DatetimeExpression": lambda node: Expression("datetime", value=micros(node.datetime)),
    "DatetimeKeyExpression": lambda node: Expression("datetime_key", value=node.datetime_key),
    "MultExpression": _many("mult"),
    "SumExpression": _many("sum"),
    "MaxExpression": _many("max"),
    "MinExpression": _many("min"),
    "NegExpression": _one("neg"),
    "AbsExpression": _one("abs"),
    "SqrtExpression": _one("sqrt"),
    "ExpExpression": _one("exp"),
    "Log10Expression": _one("log10"),
    "LnExpression": _one("ln"),
    "AcoshExpression": _one("acosh"),
    "DivExpression": _div,
    "PowExpression": _pow,
    "LinDecayExpression": _decay("lin_decay"),
    "ExpDecayExpression": _decay("exp_decay"),
    "GaussDecayExpression": _decay("gauss_decay"),
    **dict.fromkeys(_CONDITIONS, _condition),
}
