"""Runs: immutable lists of (term, offset, value), in the order of terms and then of offsets.

An index of terms is a few runs, each much larger than the next: what is added makes a run of its own, which is
merged with those before it while they are not much larger. So that is cheap, and searches meet few runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.engine.index.bitmaps import Mask, Offsets
from quiverdb.engine.index.pruning import Posting
from quiverdb.model.point import FloatArray

__all__ = ["Run", "Terms", "joins", "posting_of", "with_run"]

Terms: TypeAlias = npt.NDArray[np.uint32]

_MUCH_LARGER = 8


class Run:
    """Hold what each of some terms is worth at which offsets.

    >>> run = Run(np.array([7, 3, 7], "u4"), np.array([0, 0, 2], "u4"), np.array([1.0, 2.0, 3.0], "f4"))
    >>> run.terms, run.offsets[run.part(1)]
    (array([3, 7], dtype=uint32), array([0, 2], dtype=uint32))
    """

    __slots__ = ("_starts", "offsets", "terms", "values")

    def __init__(self, terms: Terms, offsets: Offsets, values: FloatArray) -> None:
        """Take entries whose offsets ascend within each term."""
        order = np.argsort(terms, kind="stable")
        ordered = terms[order]
        self.offsets = offsets[order]
        self.values = values[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(order) else order
        self.terms: Terms = ordered[starts]
        self._starts = np.append(starts, len(order))

    def __len__(self) -> int:
        return len(self.offsets)

    def find(self, term: int) -> int | None:
        """Return where a term stands among ``self.terms``."""
        place = int(self.terms.searchsorted(np.uint32(term)))
        return place if place < len(self.terms) and self.terms[place] == term else None

    def part(self, place: int) -> slice:
        """Return where the entries of the term at ``place`` are."""
        return slice(int(self._starts[place]), int(self._starts[place + 1]))

    def entries(self, keep: Mask | None = None) -> tuple[Terms, Offsets, FloatArray]:
        """Return the entries, or those whose offsets ``keep`` marks."""
        terms = np.repeat(self.terms, np.diff(self._starts))
        if keep is None:
            return terms, self.offsets, self.values
        chosen = keep[self.offsets]
        return terms[chosen], self.offsets[chosen], self.values[chosen]


def joins(run: Run, size: int) -> bool:
    """Tell whether a run is to be merged with a later one of so many entries."""
    return len(run) <= _MUCH_LARGER * size


def with_run(runs: Sequence[Run], new: Run) -> tuple[Run, ...]:
    """Return the runs with another one, whose offsets are larger than theirs."""
    kept, size = len(runs), len(new)
    while kept and joins(runs[kept - 1], size):
        kept -= 1
        size += len(runs[kept])
    if kept == len(runs):
        return (*runs, new)
    columns = zip(*(run.entries() for run in (*runs[kept:], new)), strict=True)
    terms, offsets, values = (np.concatenate(column) for column in columns)
    return (*runs[:kept], Run(terms, offsets, values))


def posting_of(runs: Sequence[Run], term: int) -> Posting:
    """Return the points that have a term in some run."""
    parts = [(run, run.part(place)) for run in runs if (place := run.find(term)) is not None]
    return Posting.joined([(run.offsets[part], run.values[part]) for run, part in parts])
