"""Post-processing: what becomes of the rows that a search found, before the best of them are shown.

::

    {"op": "string_contain", "field", "pattern"}      keep rows whose string has the pattern in it
    {"op": "string_match", "field", "pattern"}        … in which the regular expression is found
    {"op": "string_like", "field", "pattern"}         … that is like the pattern, in which % stands for anything
    {"op": "enum_freq_limiter", "field", "threshold"} keep the first so many rows of each value
    {"op": "score_fusion", …}                         score anew, by values of the rows

A fused score is ``(1 - w) * origin + w * addition``, or with ``multiply`` their product. Both are brought between 0
and 1 first unless that is switched off: by ``arctan``, or by ``min_max`` over the rows at hand, which makes all equal
ones 1. The addition is the sum of ``factor * base`` over its items; the base is the value of a field, or how near it is
to an origin. A row without the value adds nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from quiverdb.engine.filter.geometry import distance
from quiverdb.vikingdb.service import units
from quiverdb.vikingdb.service.candidates import Candidate, best_first
from quiverdb.vikingdb.service.layout import Field, FieldType, Schema
from quiverdb.vikingdb.service.patterns import compile_pattern
from quiverdb.vikingdb.service.reading import check_keys, choice, flag, integer, invalid, listing, mapping, number, text

__all__ = ["Process", "post_process"]

Step: TypeAlias = Callable[[list[Candidate]], list[Candidate]]
Value: TypeAlias = Callable[[Mapping[str, Any]], float]
Normal: TypeAlias = Callable[[list[float]], list[float]]

_STRINGS: tuple[FieldType, ...] = ("string", "text")
_ENUMERABLE: tuple[FieldType, ...] = ("string", "int64", "bool")
_NUMERIC: tuple[FieldType, ...] = ("int64", "float32")
_DECAYING: tuple[FieldType, ...] = (*_NUMERIC, "date_time", "geo_point")
_MOST_FACTOR = 1_000_000


class Process(msgspec.Struct, frozen=True):
    """Hold the steps that candidates go through, and the fields that they look at."""

    steps: tuple[Step, ...]
    fields: frozenset[str]

    def __call__(self, candidates: list[Candidate]) -> list[Candidate]:
        """Return what is left of candidates, best first."""
        for step in self.steps:
            candidates = step(candidates)
        return candidates


def post_process(schema: Schema, ops: Sequence[Any], clock: Callable[[], float]) -> Process:
    """Return the steps that a list of operators asks for, by the time of ``clock``.

    Raises ``InvalidParameter`` for operators of another shape and for fields that they cannot look at.
    """
    reader = _Reader(schema, clock)
    steps = tuple(reader.step(op, f"advance.post_process_ops[{i}]") for i, op in enumerate(ops))
    return Process(steps, frozenset(reader.fields))


class _Reader:
    """Read operators, and remember the fields that they name."""

    def __init__(self, schema: Schema, clock: Callable[[], float]) -> None:
        self.fields: set[str] = set()
        self._schema = schema
        self._clock = clock

    def step(self, given: Any, where: str) -> Step:
        op = {key: value for key, value in mapping(given, where).items() if value is not None}
        method, keys = _OPERATORS[choice(op.get("op"), f"{where}.op", _OPERATORS)]
        check_keys(op, ("op", *keys), where)
        return method(self, op, where)

    def _field(self, op: Mapping[str, Any], where: str, kinds: Sequence[FieldType]) -> Field:
        name = text(op.get("field"), f"{where}.field")
        field = next((field for field in self._schema.fields if field.field_name == name), None)
        if field is None:
            raise invalid(f"{where}.field: the collection has no field {name!r}")
        if field.field_type not in kinds:
            raise invalid(
                f"{where}.field: {name!r} is a field of type {field.field_type}; this takes {', '.join(kinds)}"
            )
        self.fields.add(name)
        return field

    def _contain(self, op: Mapping[str, Any], where: str) -> Step:
        wanted = text(op.get("pattern"), f"{where}.pattern")
        return self._keeping(op, where, lambda value: wanted in value)

    def _match(self, op: Mapping[str, Any], where: str) -> Step:
        pattern = text(op.get("pattern"), f"{where}.pattern")
        return self._keeping(op, where, compile_pattern(pattern, f"{where}.pattern"))

    def _like(self, op: Mapping[str, Any], where: str) -> Step:
        parts = text(op.get("pattern"), f"{where}.pattern").split("%")
        pattern = f"(?s)\\A{'.*'.join(map(re.escape, parts))}\\Z"
        return self._keeping(op, where, compile_pattern(pattern, f"{where}.pattern"))

    def _keeping(self, op: Mapping[str, Any], where: str, test: Callable[[str], bool]) -> Step:
        name = self._field(op, where, _STRINGS).field_name
        return lambda found: [one for one in found if test(one.payload.get(name) or "")]

    def _limit(self, op: Mapping[str, Any], where: str) -> Step:
        name = self._field(op, where, _ENUMERABLE).field_name
        threshold = integer(op.get("threshold"), f"{where}.threshold", 1)

        def step(found: list[Candidate]) -> list[Candidate]:
            seen: Counter[Any] = Counter()
            kept = []
            for one in found:
                value = one.payload.get(name)
                seen[value] += 1
                if seen[value] <= threshold:
                    kept.append(one)
            return kept

        return step

    def _fusion(self, op: Mapping[str, Any], where: str) -> Step:
        multiply = choice(op.get("fusion_by"), f"{where}.fusion_by", ("add", "multiply")) == "multiply"
        weight = _open(op.get("addition_score_weight", 0.5), f"{where}.addition_score_weight")
        given = listing(op.get("addition_score"), f"{where}.addition_score", least=1)
        items = [self._item(item, f"{where}.addition_score[{i}]") for i, item in enumerate(given)]
        norm_origin = _normal(op.get("normalize_for_origin_score"), f"{where}.normalize_for_origin_score")
        norm_addition = _normal(op.get("normalize_for_addition_score"), f"{where}.normalize_for_addition_score")

        def step(found: list[Candidate]) -> list[Candidate]:
            origins = [one.score for one in found]
            additions = [sum(item(one.payload) for item in items) for one in found]
            normed = zip(norm_origin(origins), norm_addition(additions), strict=True)
            for one, origin, addition, (x, y) in zip(found, origins, additions, normed, strict=True):
                one.origin_score, one.addition_score = origin, addition
                one.score = x * y if multiply else (1 - weight) * x + weight * y
            return best_first(found)

        return step

    def _item(self, given: Any, where: str) -> Value:
        item = {key: value for key, value in mapping(given, where).items() if value is not None}
        source = choice(item.get("base_value_from"), f"{where}.base_value_from", ("scalar_field", "decay_func"))
        factor = _factor(item.get("factor", 1.0), f"{where}.factor")
        keys = ("factor", "base_value_from", "field")
        if source == "scalar_field":
            check_keys(item, keys, where)
            name = self._field(item, where, _NUMERIC).field_name
            return lambda payload: factor * (payload.get(name) or 0)
        check_keys(item, (*keys, "func", "origin", "offset", "scale", "decay"), where)
        decay = self._decay(item, where)
        return lambda payload: factor * decay(payload)

    def _decay(self, item: Mapping[str, Any], where: str) -> Value:
        shape = _SHAPES[choice(item.get("func"), f"{where}.func", _SHAPES)]
        field = self._field(item, where, _DECAYING)
        measure = {"date_time": _MOMENTS, "geo_point": _PLACES}.get(field.field_type, _NUMBERS)
        scale = measure.span(item.get("scale"), f"{where}.scale")
        if not scale > 0:
            raise invalid(f"{where}.scale must be above 0, got {item['scale']!r}")
        offset = measure.span(item["offset"], f"{where}.offset") if "offset" in item else 0.0
        if offset < 0:
            raise invalid(f"{where}.offset must not be negative, got {item['offset']!r}")
        decay = _open(item.get("decay", 0.5), f"{where}.decay")
        origin = measure.origin(item.get("origin"), f"{where}.origin", self._clock)
        name = field.field_name

        def value(payload: Mapping[str, Any]) -> float:
            if payload.get(name) is None:
                return 0.0
            return shape(max(0.0, measure.apart(payload[name], origin) - offset), scale, decay)

        return value


_OPERATORS: dict[str, tuple[Callable[[_Reader, Mapping[str, Any], str], Step], tuple[str, ...]]] = {
    "string_contain": (_Reader._contain, ("field", "pattern")),
    "string_match": (_Reader._match, ("field", "pattern")),
    "string_like": (_Reader._like, ("field", "pattern")),
    "enum_freq_limiter": (_Reader._limit, ("field", "threshold")),
    "score_fusion": (
        _Reader._fusion,
        (
            "fusion_by",
            "addition_score_weight",
            "addition_score",
            "normalize_for_origin_score",
            "normalize_for_addition_score",
        ),
    ),
}
"""What reads each operator, and which keys it has."""


def _gauss(away: float, scale: float, decay: float) -> float:
    ratio = away / scale
    return math.exp(math.log(decay) * ratio * ratio)


def _exp(away: float, scale: float, decay: float) -> float:
    return math.exp(math.log(decay) * (away / scale))


def _linear(away: float, scale: float, decay: float) -> float:
    return max(0.0, 1 - (1 - decay) * (away / scale))


_SHAPES = {"linear": _linear, "exp": _exp, "gauss": _gauss}


class _Measure(msgspec.Struct, frozen=True):
    """Say how far apart values of a type are, and how an origin and a span of it are written."""

    span: Callable[[Any, str], float]
    origin: Callable[[Any, str, Callable[[], float]], Any]
    apart: Callable[[Any, Any], float]


def _period(value: Any, name: str) -> float:
    return _span(units.period(value), name, "a period like '36h' or '9d'", value)


def _length(value: Any, name: str) -> float:
    return _span(units.length(value), name, "a length like '500m' or '10km'", value)


def _span(found: float | None, name: str, kind: str, value: Any) -> float:
    if found is None:
        raise invalid(f"{name} must be {kind}, got {value!r}")
    return found


def _moment(value: Any, name: str, clock: Callable[[], float]) -> float:
    if value is None:
        return clock() * 1e6
    return _span(units.moment(value), name, "a date like '2025-08-12T00:00:00+08:00' from 1970 to 3000", value)


def _place(value: Any, name: str, _clock: Callable[[], float]) -> Any:
    found = units.place(value)
    if found is None:
        raise invalid(f"{name} must be a place like '116.412138,39.914912', got {value!r}")
    return found


def _far(value: Any, origin: Any) -> float:
    found = units.place(value)
    return math.inf if found is None else distance(origin, found.lon, found.lat)


_NUMBERS = _Measure(
    span=number,
    origin=lambda value, name, _clock: 0.0 if value is None else number(value, name),
    apart=lambda value, origin: abs(value - origin),
)
_MOMENTS = _Measure(span=_period, origin=_moment, apart=lambda value, origin: abs((units.moment(value) or 0) - origin))
_PLACES = _Measure(span=_length, origin=_place, apart=_far)


def _normal(given: Any, where: str) -> Normal:
    """Return what brings scores between 0 and 1."""
    options = {} if given is None else mapping(given, where)
    check_keys(options, ("enable", "func", "arctan_factor", "arctan_offset"), where)
    func = choice(options.get("func", "arctan"), f"{where}.func", ("arctan", "min_max"))
    factor = _factor(options.get("arctan_factor", 1.0), f"{where}.arctan_factor")
    offset = number(options.get("arctan_offset", 0.0), f"{where}.arctan_offset")
    if not flag(options.get("enable", True), f"{where}.enable"):
        return lambda scores: scores
    if func == "min_max":
        return _min_max
    return lambda scores: [math.atan(factor * (score - offset)) / math.pi + 0.5 for score in scores]


def _min_max(scores: list[float]) -> list[float]:
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


def _factor(value: Any, name: str) -> float:
    found = number(value, name, -_MOST_FACTOR, _MOST_FACTOR)
    if found == 0:
        raise invalid(f"{name} must not be 0")
    return found


def _open(value: Any, name: str) -> float:
    """Return a number between 0 and 1, neither of which it may be."""
    found = number(value, name)
    if not 0 < found < 1:
        raise invalid(f"{name} must lie between 0 and 1, both left out, got {value}")
    return found
