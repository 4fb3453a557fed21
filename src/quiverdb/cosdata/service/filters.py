"""Metadata: what a schema allows, and from Cosdata's filters to those of the database.

::

    schema   {"fields": [{"name", "values": [all str, or all int]}], "supported_conditions": [{"op", "field_names"}]}
    filter   {"Is": P}   {"And": [P, ...]}   {"Or": [P, ...]}
    P        {"field_name", "field_value", "operator": "Equal" | "NotEqual"}

Every combination of a schema's fields can be asked for, whether it was announced as supported or not. ``NotEqual``
holds for all vectors that ``Equal`` does not hold for, those without the field included.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.service.layout import PAST
from quiverdb.engine.filter.paths import quoted
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import Condition, Filter, MatchValue

__all__ = ["check_schema", "field_indexes", "filter_of", "read_metadata"]

_INT32 = range(-(2**31), 2**31)
_SHAPES = '{"Is": P}, {"And": [P, ...]} or {"Or": [P, ...]}'
_PREDICATE = {"field_name", "field_value", "operator"}


def check_schema(schema: Any) -> None:
    """Raise ``ValidationError`` for what is no metadata schema.

    >>> check_schema({"fields": [{"name": "lang", "values": ["de", "en"]}], "supported_conditions": []})
    """
    if not isinstance(schema, Mapping) or not _is_list(schema.get("fields")):
        raise _bad_schema('it is an object with "fields", a list of {"name", "values"}')
    names = [_checked_field(field) for field in schema["fields"]]
    if len(set(names)) < len(names):
        raise _bad_schema(f"every field has a name of its own, got {names}")
    conditions = schema.get("supported_conditions", [])
    if not _is_list(conditions):
        raise _bad_schema('"supported_conditions" is a list')
    for condition in conditions:
        _check_supported(condition, names)


def read_metadata(schema: Mapping[str, Any] | None, metadata: Any) -> dict[str, str | int]:
    """Return metadata; raises ``ValidationError`` if it is not flat, or has a value that its field does not list.

    Fields that the schema does not name are kept, and cannot be filtered by.

    >>> read_metadata(None, {"lang": "de", "year": 2025})
    {'lang': 'de', 'year': 2025}
    """
    if not isinstance(metadata, Mapping):
        raise ValidationError(f"metadata is an object of strings and integers, got {metadata!r}")
    known = _values_by_field(schema)
    read: dict[str, str | int] = {}
    for name, given in metadata.items():
        value = _plain(given)
        if not isinstance(name, str) or not _is_value(value):
            found = f"{name!r}: {given!r}"
            raise ValidationError(f"values of metadata are strings or integers of 32 bits, got {found}")
        if name in known and value not in known[name]:
            raise ValidationError(f"Invalid value {value!r} for field {name}: {_choices(known[name])}")
        read[str.__str__(name)] = value
    return read


def filter_of(schema: Mapping[str, Any] | None, given: Any, *, past: bool = False) -> Filter | None:
    """Return the filter of the database for one of Cosdata, on present points or on past ones.

    Raises ``ValidationError`` for a filter of another shape, and for fields and values that the schema lacks.

    >>> is_german = {"Is": {"field_name": "lang", "field_value": "de", "operator": "Equal"}}
    >>> filter_of({"fields": [{"name": "lang", "values": ["de", "en"]}]}, is_german).must
    (MatchValue(key='metadata.lang', value='de'),)
    """
    if given is None:
        return None
    if schema is None:
        raise _bad_filter("the collection has no metadata_schema; create it with one that lists fields and values")
    if not isinstance(given, Mapping) or len(given) != 1:
        raise _bad_filter(f"it is {_SHAPES}, got {given!r}")
    known = _values_by_field(schema)
    [(kind, inner)] = given.items()
    predicates = [inner] if kind == "Is" else inner
    if kind not in ("Is", "And", "Or") or not _is_list(predicates) or not predicates:
        raise _bad_filter(f"it is {_SHAPES} with at least one P, got {given!r}")
    conditions = tuple(_condition(known, predicate, past=past) for predicate in predicates)
    return Filter(should=conditions) if kind == "Or" else Filter(must=conditions)


def field_indexes(schema: Mapping[str, Any] | None) -> dict[str, FieldIndex]:
    """Return the payload indexes, by key, that make the filters of a schema fast.

    >>> sorted(field_indexes({"fields": [{"name": "my year", "values": [2024, 2025]}]}))
    ['metadata."my year"', 'past.metadata."my year"']
    """
    return {
        _key(name, past=past): FieldIndex(FieldType.KEYWORD if type(values[0]) is str else FieldType.INTEGER)
        for name, values in _values_by_field(schema).items()
        for past in (False, True)
    }


def _key(field: str, *, past: bool) -> str:
    key = f"metadata.{quoted(field)}"
    return f"{PAST}.{key}" if past else key


def _values_by_field(schema: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    return {} if schema is None else {field["name"]: field["values"] for field in schema["fields"]}


def _condition(known: Mapping[str, list[Any]], predicate: Any, *, past: bool) -> Condition:
    if not isinstance(predicate, Mapping) or set(predicate) != _PREDICATE:
        raise _bad_filter(f'P is {{"field_name", "field_value", "operator"}}, got {predicate!r}')
    name, value, operator = (_plain(predicate[key]) for key in ("field_name", "field_value", "operator"))
    if type(name) is not str or name not in known:
        raise _bad_filter(f"the metadata_schema has no field {name!r}; {_choices(list(known))}")
    if not _is_value(value) or value not in known[name]:
        raise _bad_filter(f"Invalid value {value!r} for field {name}: {_choices(known[name])}")
    if operator not in ("Equal", "NotEqual"):
        raise _bad_filter(f"the operator is Equal or NotEqual, got {operator!r}")
    equal = MatchValue(_key(name, past=past), value)
    return equal if operator == "Equal" else Filter(must_not=(equal,))


def _checked_field(field: Any) -> str:
    """Return the name of a field whose description is right."""
    if not isinstance(field, Mapping) or not {"name", "values"} <= field.keys():
        raise _bad_schema(f'a field is {{"name", "values"}}, got {field!r}')
    name, values = field["name"], field["values"]
    if type(name) is not str or not name or '"' in name or "\\" in name:
        raise _bad_schema(f"the name of a field is a string without quotation marks and backslashes, got {name!r}")
    if not _is_list(values) or not values:
        raise _bad_schema(f"the field {name} lists the values that it may have, got {values!r}")
    if not all(map(_is_value, values)) or len({type(value) for value in values}) > 1:
        raise _bad_schema(f"the values of the field {name} are all strings or all integers of 32 bits")
    return name


def _check_supported(condition: Any, names: list[str]) -> None:
    if not isinstance(condition, Mapping) or condition.get("op") not in ("and", "or"):
        raise _bad_schema(f'a supported condition is {{"op": "and" | "or", "field_names"}}, got {condition!r}')
    fields = condition.get("field_names", ())
    if not _is_list(fields) or not fields or not all(name in names for name in fields):
        raise _bad_schema(f'the "field_names" of a supported condition are fields of the schema, got {fields!r}')


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_value(value: Any) -> bool:
    return type(value) is str or (type(value) is int and value in _INT32)


def _plain(value: Any) -> Any:
    """Return a string or an integer of another type, such as numpy's, as one of Python's; others stay what they are."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return value


def _choices(values: list[Any]) -> str:
    shown = ", ".join(map(repr, values[:20]))
    return f"it has {shown}" + (", …" if len(values) > 20 else "")


def _bad_schema(reason: str) -> ValidationError:
    return ValidationError(f"Invalid metadata schema: {reason}")


def _bad_filter(reason: str) -> ValidationError:
    return ValidationError(f"Invalid metadata filter: {reason}")
