"""Where the REST API has what the model holds: one row for every class whose fields differ from it.

A path like ``match.value`` leads into objects. What a class has no row for, or a row does not name, is called the
same on both sides, and a field that has its default is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from quiverdb.model.collection import (
    Binary,
    CollectionPatch,
    CollectionSpec,
    Distance,
    FieldIndex,
    Product,
    Scalar,
    SparseVectorSpec,
    Turbo,
    VectorPatch,
    VectorSpec,
)
from quiverdb.model.filter import (
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from quiverdb.model.query import (
    Context,
    Discover,
    Expression,
    Feedback,
    Formula,
    Fusion,
    Lookup,
    Mmr,
    Nearest,
    PointRef,
    Recommend,
    Sample,
    SearchParams,
    Text,
)

__all__ = ["CONFIG", "ROWS", "Row", "datetime_text", "finite", "plain", "put"]

_NONE: Mapping[str, Any] = MappingProxyType({})
_LARGEST = sys.float_info.max
_BOUNDS = ("lt", "lte", "gt", "gte")
_FIRST = -62_135_596_800_000_000
"""The first microsecond of the year 1: earlier dates are not of today's calendar."""
_FIVE_DIGITS = 253_402_300_800_000_000
"""The first microsecond of the year 10000: later years are written with a sign."""


class Row(msgspec.Struct, frozen=True):
    """Say where the fields of a class go, and in which form; ``always`` is there whatever they hold."""

    paths: Mapping[str, str] = _NONE
    forms: Mapping[str, Callable[[Any], Any]] = _NONE
    always: Mapping[str, Any] = _NONE


def plain(value: Any) -> Any:
    """Return a value of the model in the shape of the REST API; arrays and payloads stay as they are.

    >>> plain(Filter(must=(MatchValue("lang", "en"),)))
    {'must': [{'key': 'lang', 'match': {'value': 'en'}}]}
    """
    kind = type(value)
    if kind in _FORMS:
        return _FORMS[kind](value)
    if isinstance(value, msgspec.Struct):
        return _object(value)
    if kind is tuple:
        return [plain(item) for item in value]
    return value


def _object(value: msgspec.Struct) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, constant in ROWS.get(type(value), _SAME).always.items():
        put(result, path, dict(constant) if isinstance(constant, Mapping) else constant)
    for name, path, form, default in _fields(type(value)):
        field = getattr(value, name)
        if type(field) is not type(default) or field != default:
            put(result, path, form(field))
    return result


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Callable[[Any], Any], Any], ...]:
    """Return of every field of a class its name, path, form and default."""
    row = ROWS.get(kind, _SAME)
    return tuple(
        (
            field.name,
            row.paths.get(field.name, field.name),
            row.forms.get(field.name, plain),
            field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory(),
        )
        for field in msgspec.structs.fields(kind)
    )


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Store a value at a path, with the objects on the way there."""
    *way, last = path.split(".")
    for step in way:
        target = target.setdefault(step, {})
    target[last] = value


def finite(number: Any) -> Any:
    """Return the largest number for infinity, which JSON lacks."""
    return max(-_LARGEST, min(number, _LARGEST)) if isinstance(number, float) else number


def datetime_text(micros: int) -> str:
    """Return microseconds since 1970-01-01 UTC as a date.

    >>> datetime_text(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    sign = "+" if micros >= _FIVE_DIGITS else ""
    return f"{sign}{np.datetime64(micros, 'us')}Z"


def _range(bounds: Range) -> dict[str, Any]:
    """Return bounds without infinite ones: those that always hold are left out, those that never hold come instead."""
    given: dict[str, Any] = {}
    for names, never in ((("lt", "lte"), -_LARGEST), (("gt", "gte"), _LARGEST)):
        limits = {name: bound for name in names if (bound := getattr(bounds, name)) is not None}
        if any(abs(bound) > _LARGEST and bound * never > 0 for bound in limits.values()):
            given[names[0]] = never
        else:
            given.update({name: bound for name, bound in limits.items() if abs(bound) <= _LARGEST})
    return {"key": bounds.key, "range": given}


def _date_range(bounds: DatetimeRange) -> dict[str, Any]:
    """Return bounds as dates; without any there is the first of all dates, as an empty range would ask for numbers."""
    limits = {name: bound for name in _BOUNDS if (bound := getattr(bounds, name)) is not None} or {"gte": _FIRST}
    return {"key": bounds.key, "range": {name: datetime_text(bound) for name, bound in limits.items()}}


_TEXTS = {"all": "text", "any": "text_any", "phrase": "phrase"}


def _text(test: MatchText) -> dict[str, Any]:
    return {"key": test.key, "match": {_TEXTS[test.mode]: test.text}}


def _fusion(fusion: Fusion) -> dict[str, Any]:
    if fusion.k is None and fusion.weights is None:
        return {"fusion": fusion.method}
    terms = {"k": fusion.k, "weights": plain(fusion.weights)}
    return {"rrf": {name: term for name, term in terms.items() if term is not None}}


def _formula(formula: Formula) -> dict[str, Any]:
    defaults = {name: plain(value) for name, value in formula.defaults.items()}
    return {"formula": _expression(formula.expression)} | ({"defaults": defaults} if defaults else {})


def _score(node: Expression) -> str:
    return f"$score[{node.value}]" if node.value else "$score"


def _geo_distance(node: Expression) -> dict[str, Any]:
    return {"geo_distance": {"origin": plain(node.origin), "to": node.value}}


_LEAVES: Mapping[str, Callable[[Expression], Any]] = {
    "const": lambda node: finite(node.value),
    "score": _score,
    "key": lambda node: node.value,
    "condition": lambda node: plain(node.value),
    "datetime": lambda node: {"datetime": datetime_text(node.value)},
    "datetime_key": lambda node: {"datetime_key": node.value},
    "geo_distance": _geo_distance,
}
_LISTS = frozenset(("mult", "sum", "max", "min"))
_OPERANDS = {
    "div": ("left", "right"),
    "pow": ("base", "exponent"),
    **dict.fromkeys(("exp_decay", "gauss_decay", "lin_decay"), ("x", "target")),
}
"""What the operands are called, where there are two."""


def _expression(node: Expression) -> Any:
    if node.op in _LEAVES:
        return _LEAVES[node.op](node)
    operands = [_expression(operand) for operand in node.args]
    if node.op in _LISTS:
        return {node.op: operands}
    if node.op not in _OPERANDS:
        return {node.op: operands[0]}
    params = {name: finite(param) for name, param in node.params.items() if param is not None}
    return {node.op: dict(zip(_OPERANDS[node.op], operands, strict=True)) | params}


def _stemmer(language: str) -> dict[str, str]:
    return {"type": "none"} if language == "none" else {"type": "snowball", "language": language}


def _field_index(index: FieldIndex) -> Any:
    return index.type.value if index.bare else _object(index)


_FORMS: Mapping[type, Callable[[Any], Any]] = {
    float: finite,
    DatetimeRange: _date_range,
    Distance: lambda distance: distance.value.capitalize(),
    Expression: _expression,
    FieldIndex: _field_index,
    Formula: _formula,
    Fusion: _fusion,
    MatchText: _text,
    PointRef: lambda reference: reference.id,
    Range: _range,
}
"""Classes that are more than a list of fields."""


def _inside(step: str, *names: str) -> dict[str, str]:
    """Return the paths of fields that stand, by their own names, in an object of their own."""
    return {name: f"{step}.{name}" for name in names}


def _ring(points: tuple[GeoPoint, ...]) -> dict[str, Any]:
    return {"points": plain(points)}


def _rings(lines: tuple[tuple[GeoPoint, ...], ...]) -> list[dict[str, Any]]:
    return [_ring(line) for line in lines]


def _new_quantization(value: Any) -> Any:
    return "Disabled" if value == "disabled" else plain(value)


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in settings.items()}


def _vectors(settings: Mapping[str, VectorSpec]) -> dict[str, Any]:
    """Return the settings of vectors by name; those of the unnamed vector alone stand for themselves."""
    return plain(settings[""]) if settings.keys() == {""} else _named(settings)


def _idf(corpus: Filter | str) -> Any:
    return corpus if isinstance(corpus, str) else {"corpus": plain(corpus)}


_RAM = ("always_ram", "memory")
_VECTOR = {"hnsw": "hnsw_config", "quantization": "quantization_config"}
_REPLICATION = (
    "on_disk_payload",
    "replication_factor",
    "write_consistency_factor",
    "read_fan_out_factor",
    "read_fan_out_delay_ms",
)
_PLACEMENT = {"payload_memory": "payload.memory", "id_tracker_memory": "id_tracker.memory"}
_SETTINGS = {"hnsw": "hnsw_config", "quantization": "quantization_config", "strict_mode": "strict_mode_config"}
_NEW_SETTINGS = {**_SETTINGS, "optimizers": "optimizers_config"}

_SAME = Row()
ROWS: Mapping[type, Row] = {
    # conditions
    MatchValue: Row({"value": "match.value"}),
    MatchAny: Row({"values": "match.any"}),
    MatchExcept: Row({"values": "match.except"}),
    MatchPrefix: Row({"prefix": "match.prefix"}),
    MatchSubstring: Row({"text": "match.substring"}),
    GeoBox: Row(_inside("geo_bounding_box", "top_left", "bottom_right")),
    GeoRadius: Row(_inside("geo_radius", "center", "radius")),
    GeoPolygon: Row(_inside("geo_polygon", "exterior", "interiors"), {"exterior": _ring, "interiors": _rings}),
    ValuesCount: Row(_inside("values_count", *_BOUNDS), always={"values_count": {}}),
    IsEmpty: Row({"key": "is_empty.key"}),
    IsNull: Row({"key": "is_null.key"}),
    HasId: Row({"ids": "has_id"}),
    HasVector: Row({"name": "has_vector"}),
    Slice: Row(_inside("slice", "total", "index")),
    Nested: Row(_inside("nested", "key", "filter")),
    # queries
    Nearest: Row({"vector": "nearest"}),
    Mmr: Row({"candidates": "candidates_limit"}, always={"diversity": 0.5}),
    Recommend: Row(_inside("recommend", "positive", "negative", "strategy")),
    Discover: Row(_inside("discover", "target", "context")),
    Context: Row({"pairs": "context"}),
    Feedback: Row(
        {
            "target": "relevance_feedback.target",
            "items": "relevance_feedback.feedback",
            **_inside("relevance_feedback.strategy.naive", "a", "b", "c"),
        }
    ),
    Text: Row({"text": "text.query", "k": "text.scoring.bm25.k", "b": "text.scoring.bm25.b"}),
    Sample: Row(always={"sample": "random"}),
    Lookup: Row({"shard_keys": "shard_key"}),
    SearchParams: Row(
        {
            "ef": "hnsw_ef",
            "quantization_ignore": "quantization.ignore",
            "quantization_rescore": "quantization.rescore",
            "quantization_oversampling": "quantization.oversampling",
            "acorn": "acorn.enable",
            "acorn_max_selectivity": "acorn.max_selectivity",
        },
        {"idf": _idf},
    ),
    # settings
    Scalar: Row(_inside("scalar", "quantile", *_RAM), always={"scalar.type": "int8"}),
    Product: Row(_inside("product", "compression", *_RAM)),
    Binary: Row(_inside("binary", "encoding", "query_encoding", *_RAM), always={"binary": {}}),
    Turbo: Row(_inside("turbo", "bits", *_RAM), always={"turbo": {}}),
    VectorSpec: Row({**_VECTOR, "multivector": "multivector_config.comparator"}),
    SparseVectorSpec: Row(_inside("index", "datatype", "full_scan_threshold", "on_disk", "memory")),
    VectorPatch: Row(_VECTOR, {"quantization": _new_quantization}),
    FieldIndex: Row(forms={"stemmer": _stemmer, "scoring": bool}),
    CollectionSpec: Row(
        {**_NEW_SETTINGS, **_PLACEMENT, "wal": "wal_config"}, {"vectors": _vectors, "sparse_vectors": _named}
    ),
    CollectionPatch: Row(
        {
            **_NEW_SETTINGS,
            **_inside("params", *_REPLICATION),
            "payload_memory": "params.payload.memory",
        },
        {"vectors": _named, "sparse_vectors": _named, "quantization": _new_quantization},
    ),
}

CONFIG: Mapping[str, str] = {
    **_SETTINGS,
    **_inside("params", *_REPLICATION, "vectors", "sparse_vectors", "shard_number", "sharding_method"),
    **{name: f"params.{path}" for name, path in _PLACEMENT.items()},
    "optimizers": "optimizer_config",
    "wal": "wal_config",
    "metadata": "metadata",
}
"""Where a collection reports the fields of its ``CollectionSpec``."""
