"""Payload edits and selections.

All functions are pure: what they return shares parts with what they were given, and nothing given is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from quiverdb.engine.filter.paths import EACH, Path, Step, parse
from quiverdb.model.point import Payload
from quiverdb.model.query import Select

__all__ = ["delete_keys", "merge", "overwrite", "select", "select_each"]


def merge(payload: Mapping[str, Any], update: Mapping[str, Any], key: str | None = None) -> Payload:
    """Return ``payload`` with the keys of ``update`` set, at the top or in the object at ``key``.

    A null removes its key. What is no object where ``key`` needs one is replaced by an object, what is no array
    by ``[]``; an array is never made longer.

    >>> merge({"a": 1, "b": 2}, {"b": None, "c": 3})
    {'a': 1, 'c': 3}
    >>> merge({}, {"x": 1}, key="a.b")
    {'a': {'b': {'x': 1}}}
    """
    merged: Payload = _set(payload, parse(key) if key is not None else (), update)
    return merged


def overwrite(payload: Mapping[str, Any]) -> Payload:
    """Return the payload that replaces another: as it is, nulls included."""
    return dict(payload)


def delete_keys(payload: Mapping[str, Any], keys: Iterable[str]) -> Payload:
    """Return ``payload`` without the values at ``keys``; ``a[]`` empties an array, ``a[0]`` leaves it as it is.

    >>> delete_keys({"a": {"b": 1, "c": [1, 2]}}, ["a.b", "a.c[]"])
    {'a': {'c': []}}
    """
    found: Any = dict(payload)
    for path in [parse(key) for key in keys]:
        found = _delete(found, path)
    result: Payload = found
    return result


def select(payload: Mapping[str, Any], selection: Select) -> Payload:
    """Return the selected part of ``payload``. Array elements are addressed by ``[]`` only.

    >>> select({"a": {"b": 1, "c": 2}, "d": 3}, Select(include=("a.b",)))
    {'a': {'b': 1}}
    >>> select({"a": {"b": 1, "c": 2}, "d": 3}, Select(exclude=("a.b",)))
    {'a': {'c': 2}, 'd': 3}
    """
    found: Any = payload
    if selection.include is not None:
        found = _include(found, _paths(selection.include))
    if selection.exclude:
        found = _exclude(found, _paths(selection.exclude))
    result: Payload = found if found is not payload else dict(payload)
    return result


def select_each(payloads: Iterable[Payload], selection: Select) -> list[Payload]:
    """Return the selected part of each payload.

    >>> select_each([{"a": 1, "b": 2}, {"b": 3}], Select(include=("b",)))
    [{'b': 2}, {'b': 3}]
    """
    keys = None if selection.include is None or selection.exclude else _keys(selection.include)
    if keys is None:
        return [select(payload, selection) for payload in payloads]
    return [{key: item for key, item in payload.items() if key in keys} for payload in payloads]


def _set(value: Any, path: Path, update: Mapping[str, Any]) -> Any:
    """Return ``value`` with ``update`` merged in at ``path``."""
    if not path:
        merged = dict(value) if isinstance(value, Mapping) else {}
        for key, new in update.items():
            if new is None:
                merged.pop(key, None)
            else:
                merged[key] = new
        return merged
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        entries = dict(value) if isinstance(value, Mapping) else {}
        entries[step] = _set(entries.get(step), rest, update)
        return entries
    items = value if isinstance(value, list) else []
    return [_set(item, rest, update) if step in (EACH, index) else item for index, item in enumerate(items)]


def _delete(value: Any, path: Path) -> Any:
    """Return ``value`` without what is at ``path``."""
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if not isinstance(value, Mapping) or step not in value:
            return value
        if not rest:
            return {key: item for key, item in value.items() if key != step}
        return {key: _delete(item, rest) if key == step else item for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if not rest:
        return [] if step is EACH else value
    return [_delete(item, rest) if step in (EACH, index) else item for index, item in enumerate(value)]


@lru_cache(maxsize=256)
def _keys(texts: tuple[str, ...]) -> frozenset[Step] | None:
    """Return the keys that paths are, if none of them leads further."""
    paths = _paths(texts)
    return frozenset(path[0] for path in paths) if all(len(path) == 1 for path in paths) else None


@lru_cache(maxsize=256)
def _paths(texts: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(parse(text) for text in texts)


def _include(value: Any, paths: Sequence[Path]) -> Any:
    """Keep of an object or array what lies on one of the paths; other values stay."""
    if isinstance(value, Mapping):
        kept = {}
        for key, item in value.items():
            rests = _rests(paths, key)
            if rests:
                kept[key] = item if () in rests else _include(item, rests)
        return kept
    if isinstance(value, list):
        rests = _rests(paths, EACH)
        if () in rests:
            return value
        return [_include(item, rests) for item in value] if rests else []
    return value


def _exclude(value: Any, paths: Sequence[Path]) -> Any:
    """Leave out of an object or array what one of the paths leads to."""
    if isinstance(value, Mapping):
        left = {}
        for key, item in value.items():
            rests = _rests(paths, key)
            if () not in rests:
                left[key] = _exclude(item, rests) if rests else item
        return left
    if isinstance(value, list):
        rests = _rests(paths, EACH)
        if () in rests:
            return []
        return [_exclude(item, rests) for item in value] if rests else value
    return value


def _rests(paths: Sequence[Path], step: Step) -> list[Path]:
    """Return what remains of the paths that begin with ``step``."""
    return [path[1:] for path in paths if path[0] == step]
