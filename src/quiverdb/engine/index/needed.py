"""Which declared indexes a filter or a formula needs on a server, and whether they are there.

A condition names the kinds of index that could answer it; one of them is enough. The kinds are those of Qdrant's
strict mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias
from uuid import UUID

from quiverdb.engine.filter.paths import parse
from quiverdb.engine.index.fields import supports
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    KeyCondition,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    Nested,
    Range,
    Slice,
)
from quiverdb.model.query import Expression

__all__ = ["Need", "conditions_of", "has_capability", "missing_index", "needs_of_expression", "needs_of_filter"]

Need: TypeAlias = tuple[str, tuple[str, ...]]
"""A payload key, and the kinds of index of which it needs one: type and capability."""

_MATCH: dict[type, str] = {bool: "bool match", int: "integer match", str: "keyword match"}
_NUMBER = ("float range", "integer range")
_SHOWN = {"keyword prefix": "keyword (with prefix: true)", "text phrase": "text (with phrase_matching: true)"}
"""How a kind is called where it is not by its type alone."""
_ANY = (
    "integer match", "integer range", "keyword match", "float range", "text text", "bool match", "uuid match",
    "datetime range", "geo geo",
)  # fmt: skip


def conditions_of(filter: Filter) -> Iterator[Condition]:
    """Go through the conditions that a filter has at its top."""
    yield from filter.must
    yield from filter.should
    yield from filter.must_not
    if filter.min_should is not None:
        yield from filter.min_should.conditions


def needs_of_filter(filter: Filter, prefix: str = "") -> Iterator[Need]:
    """Go through what the conditions of a filter need; inside ``Nested`` keys start with its own."""
    for condition in conditions_of(filter):
        yield from _needs(condition, prefix)


def _needs(condition: Condition, prefix: str) -> Iterator[Need]:
    match condition:
        case Filter():
            yield from needs_of_filter(condition, prefix)
        case Nested(key, inner):
            yield from needs_of_filter(inner, f"{prefix}{key.removesuffix('[]')}[].")
        case HasId() | HasVector() | Slice() | MatchSubstring():
            return
        case _:
            if kinds := _kinds(condition):
                yield prefix + condition.key, kinds


def _kinds(condition: KeyCondition) -> tuple[str, ...]:
    match condition:
        case MatchValue(_, value):
            return _equal((value,))
        case MatchAny(_, values) | MatchExcept(_, values):
            return _equal(values)
        case MatchText(_, _, mode):
            return ("text phrase",) if mode == "phrase" else ("text text",)
        case MatchPrefix():
            return ("keyword prefix",)
        case Range():
            return _NUMBER
        case DatetimeRange():
            return ("datetime range",)
        case GeoBox() | GeoRadius() | GeoPolygon():
            return ("geo geo",)
        case _:
            return _ANY


def _equal(values: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return what a comparison with these values needs; nothing if there are none."""
    if not values:
        return ()
    kind = _MATCH[type(values[0])]
    return (kind, "uuid match") if isinstance(values[0], str) and all(map(_is_uuid, values)) else (kind,)


def _is_uuid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def needs_of_expression(expression: Expression) -> Iterator[Need]:
    """Go through what the variables and conditions of a formula need."""
    match expression.op:
        case "key":
            yield expression.value, (*_NUMBER, "integer match")
        case "datetime_key":
            yield expression.value, ("datetime range",)
        case "geo_distance":
            yield expression.value, ("geo geo",)
        case "condition":
            yield from _needs(expression.value, "")
    for part in expression.args:
        yield from needs_of_expression(part)


def missing_index(needs: Iterator[Need], declared: Mapping[str, FieldIndex]) -> tuple[str, list[str]] | None:
    """Return the first key without a fitting index, and the types that would fit."""
    known = {parse(key): _of_index(index) for key, index in declared.items()}
    for key, kinds in needs:
        if not known.get(parse(key), frozenset()) & {*kinds}:
            return key, sorted({_SHOWN.get(kind, kind.split()[0]) for kind in kinds})
    return None


def has_capability(key: str, capability: str, declared: Mapping[str, FieldIndex]) -> bool:
    """Tell whether the index on a key, if there is one, supports ``match`` or ``range``."""
    return any(parse(name) == parse(key) and capability in supports(index) for name, index in declared.items())


def _of_index(index: FieldIndex) -> frozenset[str]:
    """Return the kinds that a declared index is."""
    return frozenset(f"{FieldType(index.type).value} {capability}" for capability in supports(index))
