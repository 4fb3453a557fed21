"""Term frequencies and lengths of texts, and their ranking by BM25 (Robertson and Zaragoza, 2009).

A text scores ``idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average))`` for each distinct token of the
query. Frequencies and the average length are those of the live points that have tokens, whatever the filter is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Offsets, from_offsets
from quiverdb.engine.index.population import KNOWN, Population, inverse_frequency
from quiverdb.engine.index.pruning import Posting
from quiverdb.engine.index.runs import Run, joins
from quiverdb.engine.view import Domain
from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray

__all__ = ["TermFrequencies"]


class _State(msgspec.Struct, array_like=True):
    tokens: list[str]
    terms: bytes
    offsets: bytes
    frequencies: bytes


class TermFrequencies:
    """Count how often each token occurs in the text at each offset. Not safe for threads by itself.

    >>> index = TermFrequencies()
    >>> index.add(0, ["red", "fox"])
    >>> index.add(1, ["red", "red", "rose"])
    >>> everything = Domain(BitMap([0, 1]))
    >>> index.search(["rose"], everything, everything, 10)[0]
    array([1], dtype=uint32)
    """

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}
        self._pending: dict[int, Counter[str]] = {}
        """What was added since the last search."""
        self._runs: list[Run] = []
        self._home: npt.NDArray[np.int32] = np.empty(0, np.int32)
        """For each offset the number of the run that has its text; entries of others are out of date."""
        self._numbers: list[int] = []
        self._lengths: FloatArray = np.empty(0, np.float32)
        self._filled = BitMap()
        self._ranking: _Ranking | None = None

    def add(self, offset: int, tokens: Iterable[str]) -> None:
        """Take in the tokens of the text at an offset, in the place of those it had."""
        self._pending[offset] = Counter(tokens)

    def remove(self, offset: int) -> None:
        """Take out the text at an offset."""
        self._pending[offset] = Counter()

    def search(
        self, tokens: Sequence[str], allowed: Domain, everything: Domain, k: int, *, k1: float = 1.2, b: float = 0.75
    ) -> tuple[Offsets, FloatArray]:
        """Return the best ``k`` of the allowed offsets that have one of the tokens, and their scores.

        Raises ``InvalidInputError`` for parameters out of range.
        """
        if not 0 <= k1 < math.inf:
            raise InvalidInputError(f"k of BM25 must be finite and not negative, got {k1}", field="k")
        if not 0 <= b <= 1:
            raise InvalidInputError(f"b of BM25 must lie between 0 and 1, got {b}", field="b")
        self._settle()
        ranking = self._ranking
        if ranking is None or not ranking.fits(everything, k1, b):
            population = Population(everything, self._filled, len(self._lengths))
            ranking = self._ranking = _Ranking(population, self._lengths, k1, b)
        terms = []
        for token in dict.fromkeys(tokens):
            term = self._tokens.get(token)
            posting = None if term is None else ranking.known.get(term) or self._posting(term, ranking)
            if posting is not None and posting.size:
                terms.append((posting, ranking.weight(posting)))
        return ranking.population.search(terms, allowed, k, zeros=True)

    def _posting(self, term: int, ranking: _Ranking) -> Posting:
        parts = []
        for run, number in zip(self._runs, self._numbers, strict=True):
            if (place := run.find(term)) is not None:
                part = run.part(place)
                offsets, frequencies = run.offsets[part], run.values[part]
                valid = np.flatnonzero(self._home[offsets] == number)
                if len(valid):
                    parts.append((offsets[valid], frequencies[valid]))
        return ranking.posting(term, parts)

    def _settle(self) -> None:
        """Bring what is pending into the runs."""
        if not self._pending:
            return
        offsets = np.array(sorted(self._pending), np.uint32)
        counts = [self._pending[offset] for offset in offsets.tolist()]
        self._pending = {}
        terms = [self._tokens.setdefault(token, len(self._tokens)) for count in counts for token in count]
        frequencies = [frequency for count in counts for frequency in count.values()]
        sizes = [len(count) for count in counts]
        self._grow(int(offsets[-1]) + 1)
        self._lengths[offsets] = [count.total() for count in counts]
        filled = self._lengths[offsets] > 0
        size = len(self._lengths)
        self._filled = (self._filled - from_offsets(offsets, size)) | from_offsets(offsets[filled], size)
        self._ranking = None
        self._home[offsets] = -1
        self._append(np.array(terms, np.uint32), np.repeat(offsets, sizes), np.array(frequencies, np.float32))

    def _append(self, terms: npt.NDArray[np.uint32], offsets: Offsets, frequencies: FloatArray) -> None:
        """Add a run, merged with those before it that are not much larger, without what is out of date in them."""
        columns = [(terms, offsets, frequencies)]
        size = len(terms)
        while self._runs and joins(self._runs[-1], size):
            columns.append(self._runs.pop().entries(self._home == self._numbers.pop()))
            size += len(columns[-1][0])
        terms, offsets, frequencies = (np.concatenate(column) for column in zip(*columns, strict=True))
        order = np.argsort(offsets, kind="stable")
        self._runs.append(Run(terms[order], offsets[order], frequencies[order]))
        self._numbers.append(self._numbers[-1] + 1 if self._numbers else 0)
        self._home[offsets] = self._numbers[-1]

    def _grow(self, size: int) -> None:
        missing = size - len(self._lengths)
        if missing > 0:
            missing += size // 4
            self._lengths = np.concatenate([self._lengths, np.zeros(missing, np.float32)])
            self._home = np.concatenate([self._home, np.full(missing, -1, np.int32)])

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        self._settle()
        parts = [run.entries(self._home == number) for run, number in zip(self._runs, self._numbers, strict=True)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [np.empty(0)] * 3
        kinds = ("<u4", "<u4", "<f4")
        terms, offsets, frequencies = (
            column.astype(kind).tobytes() for column, kind in zip(columns, kinds, strict=True)
        )
        return msgspec.msgpack.encode(_State(list(self._tokens), terms, offsets, frequencies))

    @classmethod
    def load(cls, data: bytes) -> TermFrequencies:
        """Return what was dumped; raises ``ValueError`` when it is no such thing."""
        state = msgspec.msgpack.decode(data, type=_State)
        terms, offsets = np.frombuffer(state.terms, "<u4"), np.frombuffer(state.offsets, "<u4")
        frequencies = np.frombuffer(state.frequencies, "<f4")
        if not len(terms) == len(offsets) == len(frequencies):
            raise ValueError("the columns of a text index differ in length")
        index = cls()
        index._tokens = {token: term for term, token in enumerate(state.tokens)}
        if len(terms):
            size = int(offsets.max()) + 1
            index._grow(size)
            index._lengths[:size] = np.bincount(offsets, frequencies, size)
            index._filled = from_offsets(offsets, size) if len(terms) else BitMap()
            index._append(terms, offsets, frequencies)
        return index


class _Ranking:
    """Hold what scores depend on besides the query's tokens, and the postings that were asked for, with scores."""

    def __init__(self, population: Population, lengths: FloatArray, k1: float, b: float) -> None:
        self.population = population
        self.known: dict[int, Posting] = {}
        self._parameters = k1, b
        counted = population.domain.mask(len(lengths))[: len(lengths)]
        total = float(lengths[counted].sum(dtype=np.float64))
        average = total / population.filled if population.filled else 1.0
        self._damping = (k1 * (1 - b + b * lengths / (average or 1.0))).astype(np.float32)
        """What is added to the frequency below the line, by offset."""

    def fits(self, everything: Domain, k1: float, b: float) -> bool:
        return self.population.domain is everything and self._parameters == (k1, b)

    def weight(self, posting: Posting) -> float:
        return inverse_frequency(self.population.filled, self.population.having(posting))

    def posting(self, term: int, parts: Sequence[tuple[Offsets, FloatArray]]) -> Posting:
        """Return a posting of scores, and remember it."""
        if len(self.known) >= KNOWN:
            self.known.clear()
        gain = np.float32(self._parameters[0] + 1)
        scores = [
            (offsets, frequencies * gain / (frequencies + self._damping[offsets])) for offsets, frequencies in parts
        ]
        posting = self.known[term] = Posting.joined(scores)
        return posting
