"""What the client's methods take: the types, and how the several ways to say one thing become one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, ParamSpec, SupportsIndex, TypeAlias, TypeVar

from quiverdb.cosdata.errors import ValidationError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Numbers",
    "SparseTerms",
    "VectorId",
    "VectorLike",
    "VersionLike",
    "also_called",
    "given",
    "listed",
    "mapping",
    "pairs",
    "sequence",
    "vector_id",
    "version_id",
]

Numbers: TypeAlias = "Sequence[float] | np.ndarray[Any, Any]"
VectorId: TypeAlias = str | int
VectorLike: TypeAlias = Mapping[str, Any]
"""``id`` and any of ``dense_values`` (or ``values``), ``sparse_indices`` with ``sparse_values``, ``text``,
``document_id``, ``metadata``."""
VersionLike: TypeAlias = str | int | Mapping[str, Any]
"""A number, also as a text, or a version."""
SparseTerms: TypeAlias = Mapping[Any, float] | Iterable[Any]
"""Weights by index, or pairs, or mappings with ``index`` and ``value``."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def vector_id(value: VectorId) -> str:
    """Return the id of a vector as a text; raises ``ValidationError`` for anything but texts and whole numbers.

    >>> vector_id(1), vector_id("a")
    ('1', 'a')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ValidationError(f"the id of a vector is a text or a whole number, not {value!r}")
    return str(value.__index__())


def version_id(value: VersionLike) -> str | int:
    """Return the number of a version, as it was given.

    >>> version_id({"version_number": 3}), version_id("4")
    (3, '4')
    """
    number = value.get("version_number") if isinstance(value, Mapping) else value
    if isinstance(number, bool) or not isinstance(number, str | int):
        raise ValidationError(f"a version is named by its number or by itself, not by {value!r}")
    return number


def pairs(terms: SparseTerms) -> list[Any]:
    """Return the terms of a sparse vector as pairs if they are weights by index, and as they are otherwise.

    >>> pairs({"5": 0.5})
    [[5, 0.5]]
    """
    if isinstance(terms, Mapping):
        return [[_index(index), weight] for index, weight in terms.items()]
    return list(listed(terms, "the terms of a sparse vector"))


def _index(key: Any) -> int:
    try:
        return int(key) if isinstance(key, str) else int(vector_id(key))
    except ValueError:
        raise ValidationError(f"the keys of a sparse vector are whole numbers, not {key!r}") from None


def sequence(vectors: VectorLike | Iterable[VectorLike]) -> Sequence[VectorLike]:
    """Return vectors as they are if they can be counted; one alone is a sequence of one."""
    return [vectors] if isinstance(vectors, Mapping) else listed(vectors, "vectors")


def listed(values: Iterable[T], what: str) -> Sequence[T]:
    """Return values as they are if they can be counted, otherwise as a list.

    Raises ``ValidationError`` for what does not hold several values: texts, mappings, and single things.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ValidationError(f"{what} are given in a list, not as {short(values)}")
    return values if isinstance(values, Sequence) else list(values)


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping; raises ``ValidationError`` for anything else."""
    if not isinstance(value, Mapping):
        raise ValidationError(f"{what} is a dictionary, not {short(value)}")
    return value


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not ``None``."""
    return {name: value for name, value in arguments.items() if value is not None}


def also_called(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a parameter be given by names that other releases of the official client have for it.

    >>> @also_called(word="text")
    ... def shout(text: str) -> str:
    ...     return text.upper()
    >>> shout(word="a")
    'A'
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for other in names.keys() & kwargs.keys():
                kwargs[names[other]] = kwargs.pop(other)
            return function(*args, **kwargs)

        return call

    return decorate
