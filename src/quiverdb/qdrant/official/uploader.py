"""The official uploader's way to cut an iterable into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["iter_batch"]

T = TypeVar("T")


def iter_batch(iterable: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most ``size`` items.

    >>> list(iter_batch("abc", 2))
    [['a', 'b'], ['c']]
    """
    items = iter(iterable)
    while batch := list(islice(items, size)):
        yield batch
