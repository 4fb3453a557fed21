"""What the client's methods take: the types, and how the several ways to say one thing become one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    if not isinstance(terms, Mapping):
        return list(terms)
    try:
        return [[int(index), weight] for index, weight in terms.items()]
    except (TypeError, ValueError):
        message = f"the keys of a sparse vector are whole numbers, not {list(terms)!r}"
        raise ValidationError(message) from None


def sequence(vectors: VectorLike | Iterable[VectorLike]) -> Sequence[VectorLike]:
    """Return vectors as they are if they can be counted; one alone is a sequence of one."""
    if isinstance(vectors, Mapping):
        return [vectors]
    if isinstance(vectors, str):
        raise ValidationError(f"vectors are mappings, not a text like {vectors[:40]!r}")
    return vectors if isinstance(vectors, Sequence) else list(vectors)


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
