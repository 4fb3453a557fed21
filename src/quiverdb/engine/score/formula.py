"""Formulas over candidates: scores of prefetches, payload values and conditions, put together by arithmetic.

Every node yields one float64 per candidate. ``mult`` and ``div`` end at a zero, so that what stands behind it is
not looked at for the candidates concerned; what has no finite value ends the query, as in Qdrant. Constants and
parameters have the precision of float32 there, and so they have here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from reprlib import repr as short
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.dates import parse_datetime
from quiverdb.engine.filter.geometry import distance
from quiverdb.engine.filter.paths import Path, elements, parse, values
from quiverdb.engine.filter.values import number, place
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import Condition
from quiverdb.model.point import FloatArray, Payload
from quiverdb.model.query import Expression, Formula

__all__ = ["Candidates", "evaluate"]

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]
"""Positions among the candidates."""

_MICROS = 1_000_000
_POLE, _DATE_LINE = 90.0, 180.0
_MISSING = object()


class Candidates:
    """What a formula may ask of the candidates, which are numbered from 0.

    ``scores`` has one array per prefetch, with NaN for a candidate that the prefetch did not return. ``payloads``
    returns the payloads at the given positions, and ``holds`` tells for each candidate whether a condition does.

    >>> candidates = Candidates(1, [np.array([0.5])], lambda _: [{"boost": 3}], lambda _: np.array([True]), {})
    >>> boosted = Expression("mult", (Expression("score", value=0), Expression("key", value="boost")))
    >>> evaluate(Formula(boosted), candidates)
    array([1.5], dtype=float32)
    """

    def __init__(
        self,
        count: int,
        scores: Sequence[Floats],
        payloads: Callable[[Places], Sequence[Payload]],
        holds: Callable[[Condition], npt.NDArray[np.bool_]],
        fields: Mapping[str, FieldIndex],
    ) -> None:
        self.count = count
        self.scores = scores
        self.holds = holds
        self.fields = fields
        self._load = payloads
        self._payloads: dict[int, Payload] = {}

    def payloads(self, places: Places) -> list[Payload]:
        """Return the payloads at some positions, each read once."""
        wanted = places.tolist()
        if missing := [place for place in wanted if place not in self._payloads]:
            self._payloads.update(zip(missing, self._load(np.array(missing, np.intp)), strict=True))
        return [self._payloads[place] for place in wanted]


def evaluate(formula: Formula, candidates: Candidates) -> FloatArray:
    """Return the value of a formula for every candidate, in float32.

    Raises ``InvalidInputError`` where a variable has neither a value nor a default, or a result is not finite.
    """
    node = formula.expression
    with np.errstate(all="ignore"):
        result = _Evaluation(candidates, formula.defaults).value(node, np.arange(candidates.count))
        scores: FloatArray = _finite(node, np.asarray(result, np.float32))
        return scores


class _Evaluation:
    def __init__(self, candidates: Candidates, defaults: Mapping[str, Any]) -> None:
        self._candidates = candidates
        self._scores = {name: value for name, value in defaults.items() if name.startswith("$")}
        self._values = {parse(name): value for name, value in defaults.items() if name not in self._scores}

    def value(self, node: Expression, places: Places) -> Floats:
        """Return the value of a node at some positions."""
        if (leaf := _LEAVES.get(node.op)) is not None:
            return leaf(self, node, places)
        if (short := _SHORT.get(node.op)) is not None:
            return short(self, node, places)
        operands = [self.value(part, places) for part in node.args]
        result = _ARITHMETIC[node.op](node, operands) if operands else np.zeros(len(places))
        return _finite(node, result) if node.op in _CHECKED else result

    def product(self, node: Expression, places: Places) -> Floats:
        result = np.ones(len(places))
        left = np.arange(len(places))
        for part in node.args:
            factor = self.value(part, places[left])
            result[left] = np.where(factor == 0, 0.0, result[left] * factor)
            left = left[factor != 0]
        return result

    def quotient(self, node: Expression, places: Places) -> Floats:
        dividend, divisor = node.args
        result = self.value(dividend, places)
        left = np.flatnonzero(result)
        below = self.value(divisor, places[left])
        zero, instead = below == 0, node.params.get("by_zero_default")
        if zero.any() and instead is None:
            raise InvalidInputError("the formula divides by zero: give div a by_zero_default", field="formula")
        quotient = result[left] / below
        if instead is not None:
            quotient[zero] = instead
        result = np.zeros(len(places))
        result[left] = _finite(node, quotient)
        return result

    def constant(self, node: Expression, places: Places) -> Floats:
        return np.full(len(places), np.float32(node.value), np.float64)

    def moment(self, node: Expression, places: Places) -> Floats:
        return np.full(len(places), node.value / _MICROS)

    def score(self, node: Expression, places: Places) -> Floats:
        source: int = node.value
        instead = self._scores.get(f"$score[{source}]")
        if instead is None and source == 0:
            instead = self._scores.get("$score")
        default = number(instead) or 0.0
        if source >= len(self._candidates.scores):
            return np.full(len(places), default)
        found = self._candidates.scores[source][places]
        return np.where(np.isnan(found), default, found)

    def condition(self, node: Expression, places: Places) -> Floats:
        return self._candidates.holds(node.value)[places].astype(np.float64)

    def key(self, node: Expression, places: Places) -> Floats:
        return self._read(node.value, places, number, "a number")

    def date(self, node: Expression, places: Places) -> Floats:
        return self._read(node.value, places, _seconds, "a datetime")

    def metres(self, node: Expression, places: Places) -> Floats:
        origin = node.origin
        if origin is None:
            raise InvalidInputError("geo_distance needs an origin", field="formula")

        def reach(value: Any) -> float | None:
            found = _on_map(value)
            return None if found is None else distance(origin, *found)

        return self._read(node.value, places, reach, "a place with lon and lat")

    def _read(self, key: str, places: Places, convert: Callable[[Any], float | None], kind: str) -> Floats:
        """Convert the one value that each payload, or else the defaults, has for a key."""
        path = parse(key)
        index = self._candidates.fields.get(key)
        default = self._values.get(path, _MISSING)
        result = np.empty(len(places))
        for position, payload in enumerate(self._candidates.payloads(places)):
            value = _only(payload, path, index)
            if value is _MISSING:
                value = default
            if value is _MISSING:
                _fail(f"a point has no value for {key!r}: give the formula a default for it")
            found = convert(value)
            if found is None:
                _fail(f"{key!r} must be {kind}, found {short(value)}")
            result[position] = found
        return result


_Node: TypeAlias = Callable[[_Evaluation, Expression, Places], Floats]

_LEAVES: dict[str, _Node] = {
    "const": _Evaluation.constant,
    "score": _Evaluation.score,
    "key": _Evaluation.key,
    "condition": _Evaluation.condition,
    "datetime": _Evaluation.moment,
    "datetime_key": _Evaluation.date,
    "geo_distance": _Evaluation.metres,
}
_SHORT: dict[str, _Node] = {"mult": _Evaluation.product, "div": _Evaluation.quotient}


def _linear(node: Expression, operands: list[Floats]) -> Floats:
    scale, midpoint = _decay_params(node)
    return np.maximum(0.0, 1.0 - (1.0 - midpoint) / scale * np.abs(operands[0] - operands[1]))


def _exponential(node: Expression, operands: list[Floats]) -> Floats:
    scale, midpoint = _decay_params(node)
    return np.exp(math.log(midpoint) / scale * np.abs(operands[0] - operands[1]))


def _gaussian(node: Expression, operands: list[Floats]) -> Floats:
    scale, midpoint = _decay_params(node)
    return np.exp(math.log(midpoint) / (scale * scale) * np.square(operands[0] - operands[1]))


def _decay_params(node: Expression) -> tuple[float, float]:
    return float(np.float32(node.params["scale"])), float(np.float32(node.params["midpoint"]))


_ARITHMETIC: dict[str, Callable[[Expression, list[Floats]], Floats]] = {
    "sum": lambda _, operands: np.sum(operands, axis=0),
    "max": lambda _, operands: np.fmax.reduce(operands),
    "min": lambda _, operands: np.fmin.reduce(operands),
    "neg": lambda _, operands: -operands[0],
    "abs": lambda _, operands: np.abs(operands[0]),
    "sqrt": lambda _, operands: np.sqrt(operands[0]),
    "pow": lambda _, operands: np.power(operands[0], operands[1]),
    "exp": lambda _, operands: np.exp(operands[0]),
    "log10": lambda _, operands: np.log10(operands[0]),
    "ln": lambda _, operands: np.log(operands[0]),
    "acosh": lambda _, operands: np.arccosh(operands[0]),
    "lin_decay": _linear,
    "exp_decay": _exponential,
    "gauss_decay": _gaussian,
}
_CHECKED = frozenset({"sqrt", "pow", "exp", "log10", "ln", "acosh"})
"""Operators that must yield a finite number wherever they stand."""


def _only(payload: Payload, path: Path, index: FieldIndex | None) -> Any:
    """Return the value that a payload has at a path, alone or in an array of one; several are a list.

    Under a declared index only the values count that the index holds.
    """
    found = elements(values(payload, path))
    if index is not None and (holds := _HELD.get(index.type)) is not None:
        found = [value for value in found if holds(value)]
    return (found[0] if len(found) == 1 else found) if found else _MISSING


_HELD: dict[FieldType, Callable[[Any], bool]] = {
    FieldType.KEYWORD: lambda value: isinstance(value, str),
    FieldType.INTEGER: lambda value: number(value) is not None and float(value).is_integer(),
    FieldType.FLOAT: lambda value: number(value) is not None,
    FieldType.BOOL: lambda value: isinstance(value, bool),
    FieldType.DATETIME: lambda value: _seconds(value) is not None,
    FieldType.GEO: lambda value: _on_map(value) is not None,
}


def _seconds(value: Any) -> float | None:
    micros = parse_datetime(value) if isinstance(value, str) else None
    return None if micros is None else micros / _MICROS


def _on_map(value: Any) -> tuple[float, float] | None:
    found = place(value)
    return None if found is None or abs(found[0]) > _DATE_LINE or abs(found[1]) > _POLE else found


def _finite(node: Expression, result: Any) -> Any:
    if not np.isfinite(result).all():
        _fail(f"the expression {node.op!r} has no finite value for a point")
    return result


def _fail(what: str) -> NoReturn:
    raise InvalidInputError(f"formula: {what}", field="formula")
