from __future__ import annotations

import math
import os

import numpy as np
import pytest
from pyroaring import BitMap

from quiverdb.engine.index.pruning import best, sums
from quiverdb.engine.index.runs import Run, posting_of, with_run
from quiverdb.engine.index.sparse import SparseIndex
from quiverdb.engine.view import Domain
from quiverdb.model.collection import SparseVectorSpec
from quiverdb.model.point import SparseVector

SEEDS = range(int(os.environ.get("QUIVERDB_EXAMPLES", "40")))
TERMS = 30


def vector(entries: dict[int, float]) -> SparseVector:
    terms = sorted(entries)
    return SparseVector(np.array(terms, np.uint32), np.array([entries[term] for term in terms], np.float32))


def made_up(random: np.random.Generator, *, signed: bool, empty: bool = True) -> SparseVector:
    """Return few entries whose terms are as uneven as those of texts, with small numbers so that sums are exact."""
    terms = np.unique(np.minimum(random.geometric(0.15, random.integers(0 if empty else 1, 8)) - 1, TERMS - 1))
    values = random.integers(-3 if signed else 0, 4, len(terms))
    return SparseVector(terms.astype(np.uint32), values.astype(np.float32))


def obvious(
    stored: dict[int, SparseVector], query: SparseVector, allowed: BitMap, k: int, *, zeros: bool
) -> list[tuple[int, float]]:
    weights = dict(zip(query.indices.tolist(), query.values.tolist(), strict=True))
    found = []
    for offset in allowed & BitMap(stored):
        entries = dict(zip(stored[offset].indices.tolist(), stored[offset].values.tolist(), strict=True))
        common = entries.keys() & weights.keys()
        score = sum(entries[term] * weights[term] for term in common)
        if common and (score or zeros):
            found.append((offset, score))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_finds_what_comparing_with_every_vector_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    signed = bool(seed % 3 == 0)
    index, stored, count = SparseIndex(0, SparseVectorSpec()), {}, 0
    for size in random.integers(1, 400, 5).tolist():
        vectors = [made_up(random, signed=signed) if random.random() < 0.9 else None for _ in range(size)]
        index.insert(count, vectors)
        stored |= {offset: item for offset, item in enumerate(vectors, count) if item is not None}
        count += size
    dead = BitMap(random.choice(count, random.integers(0, count // 3)).tolist()) if seed % 2 else BitMap()
    everything = Domain(BitMap(stored) - dead)
    for share in (1.0, 0.5, 0.1, 0.01):
        allowed = everything
        if share < 1:
            allowed = Domain(everything.offsets & BitMap(random.choice(count, int(share * count)).tolist()))
        for k in (1, 3, 10, 100, 5000):
            query = made_up(random, signed=signed or k == 3)
            offsets, scores = index.search(query, allowed, everything, k)
            want = obvious(stored, query, allowed.offsets, k, zeros=allowed.size < everything.size)
            assert list(zip(offsets.tolist(), scores.tolist(), strict=True)) == want
            some = random.permutation(count)[:50]
            want_of = dict(obvious(stored, query, BitMap(some.tolist()), count, zeros=True))
            assert index.similarities(query, some).tolist() == [want_of.get(offset, 0) for offset in some.tolist()]


def test_a_point_that_is_newer_than_the_view_is_left_out() -> None:
    index = SparseIndex(0, SparseVectorSpec(modifier="idf"))
    index.insert(0, [vector({1: 1.0}), vector({1: 2.0})])
    before = Domain(BitMap([0, 1]))
    index.insert(2, [vector({1: 3.0})])
    query = index.weighted(vector({1: 1.0}), before)
    assert query.values.tolist() == [np.float32(math.log(0.5 / 2.5 + 1))]
    assert index.search(query, before, before, 9)[0].tolist() == [1, 0]


def test_idf_counts_the_population_and_a_corpus_counts_empty_vectors_too() -> None:
    index = SparseIndex(0, SparseVectorSpec(modifier="idf"))
    index.insert(0, [vector({1: 1.0}), vector({1: 0.0, 2: 1.0}), vector({}), None, vector({2: 1.0})])
    everything, some = Domain(BitMap([0, 1, 2, 4])), Domain(BitMap([0, 2]))
    query = vector({1: 1.0, 9: 2.0})

    def idf(total: int, having: int) -> float:
        return math.log((total - having + 0.5) / (having + 0.5) + 1)

    assert index.weighted(query, everything).values == pytest.approx([idf(3, 2), 2 * idf(3, 0)])
    assert index.weighted(query, everything, corpus=True).values == pytest.approx([idf(4, 2), 2 * idf(4, 0)])
    assert index.weighted(query, some, corpus=True).values == pytest.approx([idf(2, 1), 2 * idf(2, 0)])
    assert index.weighted(query, Domain(BitMap()), corpus=True).values == pytest.approx([idf(0, 0), 2 * idf(0, 0)])


def test_runs_stay_few_and_hold_everything() -> None:
    runs: tuple[Run, ...] = ()
    for offset in range(500):
        terms = np.array([offset % 7, 7 + offset], np.uint32)
        runs = with_run(runs, Run(terms, np.array([offset, offset], np.uint32), np.ones(2, np.float32)))
    assert len(runs) < 6
    assert sum(map(len, runs)) == 1000
    found = posting_of(runs, 3).offsets
    assert found.tolist() == list(range(3, 500, 7))


def test_nothing_is_found_in_nothing() -> None:
    index = SparseIndex(0, SparseVectorSpec(modifier="idf"))
    nowhere = Domain(BitMap())
    query = index.weighted(vector({1: 1.0}), nowhere)
    assert index.search(query, nowhere, nowhere, 3)[0].tolist() == []
    assert index.similarities(query, np.array([], np.int64)).tolist() == []
    assert best([], 3)[0].tolist() == []
    assert sums([], np.array([1], np.uint32))[0].tolist() == [0.0]
    index.insert(0, [vector({})])
    one = Domain(BitMap([0]))
    assert index.search(vector({1: 1.0}), one, one, 3)[0].tolist() == []
    index.insert(1, [vector({1: 1.0})])
    both = Domain(BitMap([0, 1]))
    assert index.search(vector({}), both, both, 3)[0].tolist() == []
    assert index.search(vector({1: 1.0}), both, both, 0)[0].tolist() == []
