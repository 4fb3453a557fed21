"""Payload paths: ``a.b``, ``a[0].b``, ``a[].b``, ``"quoted.key".b``.

A path is a key followed by steps. A key steps into an object, ``[0]`` into one element of an array, ``[]`` into
all of them; whatever else stands there ends the walk without a value. A key never steps into an array by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from quiverdb.errors import InvalidInputError

__all__ = ["EACH", "Path", "Step", "elements", "parse", "quoted", "values"]

EACH = None
"""The step ``[]``."""

Step: TypeAlias = str | int | None
"""A key, the index of an array element, or ``EACH``."""

Path: TypeAlias = tuple[Step, ...]
"""The steps of a path; the first one is a key."""

_TOKEN = re.compile(r'"([^"\\]*)"|\[([0-9]*)\]|([^".\[\]]+)')
_LARGEST_INDEX = 2**64 - 1


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Split a payload path into its steps.

    >>> parse('a[].b[0]."c.d"')
    ('a', None, 'b', 0, 'c.d')
    """
    steps: list[Step] = []
    position = 0
    while position < len(text) or not steps:
        dotted = bool(steps) and text[position] == "."
        found = _TOKEN.match(text, position + dotted)
        if found is None:
            raise _invalid(text)
        name, index, word = found.groups()
        if (index is None) is not (dotted or not steps):
            raise _invalid(text)
        if index is not None:
            steps.append(int(index) if index else EACH)
            if index and int(index) > _LARGEST_INDEX:
                raise _invalid(text)
        elif name is None and not _is_word(word):
            raise _invalid(text)
        else:
            steps.append(name if name is not None else word)
        position = found.end()
    return tuple(steps)


def quoted(key: str) -> str:
    """Write a key as the path that leads to it."""
    return key if key and _is_word(key) else f'"{key}"'


def values(payload: Mapping[str, Any], path: Path) -> list[Any]:
    """Return the values at a path; more than one only after ``[]``.

    >>> values({"a": [{"b": 1}, {"b": [2, 3]}, 4]}, parse("a[].b"))
    [1, [2, 3]]
    """
    key = str(path[0])
    if key not in payload:
        return []
    found = [payload[key]]
    for step in path[1:]:
        if step is EACH:
            found = [element for value in found if type(value) is list for element in value]
        elif isinstance(step, str):
            found = [value[step] for value in found if type(value) is dict and step in value]
        else:
            found = [value[step] for value in found if type(value) is list and step < len(value)]
    return found


def elements(found: list[Any]) -> list[Any]:
    """Replace the arrays among values by their elements, one level deep."""
    if len(found) == 1:
        only = found[0]
        return only if type(only) is list else found
    flat: list[Any] = []
    for value in found:
        if type(value) is list:
            flat.extend(value)
        else:
            flat.append(value)
    return flat


def _is_word(text: str) -> bool:
    # Marks belong to the words of many scripts; isalnum alone would force those to be quoted.
    return all(char in "_-" or char.isalnum() or unicodedata.category(char) in ("Mc", "Mn") for char in text)


def _invalid(text: str) -> InvalidInputError:
    return InvalidInputError(
        f'Invalid json path: {text!r}; write a.b, a[0].b, a[].b, and quote other keys: "my key".b', field=text
    )
