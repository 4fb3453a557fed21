"""Maximal marginal relevance: against Qdrant's core over dense vectors, against the official local mode over sparse.

The core orders exact ties by the order in which it found the candidates, so ties are tested without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import qdrant_client
from edge_query import edge_answer
from pair import seeds
from query_world import SIZES, Author, Both, vector
from rows import Row, rows
from targets import NAME

from quiverdb.engine.score.diversity import diversify
from quiverdb.qdrant import models


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    made = Both()
    yield made
    made.close()


def same(got: list[Row], want: list[Row]) -> None:
    assert [hit.id for hit in got] == [hit.id for hit in want]
    np.testing.assert_allclose([hit.score for hit in got], [hit.score for hit in want], rtol=1e-4, atol=1e-4)


def nearest(author: Author, name: str) -> dict[str, Any]:
    diversity = None if author.chance(0.2) else float(author.random.random())
    candidates = int(author.random.integers(1, 60)) if author.chance(0.7) else None
    mmr = models.Mmr(diversity=diversity, candidates_limit=candidates)
    return {"using": name, "query": models.NearestQuery(nearest=author.example(name), mmr=mmr)}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("seed", seeds(3))
def test_mmr_alone_and_over_prefetches(both: Both, name: str, seed: int) -> None:
    author = Author(seed, (name,))
    for prefetches in (0, 0, 0, 1, 2, 3):
        request = models.QueryRequest(
            **nearest(author, name),
            limit=int(author.random.integers(1, 15)),
            offset=int(author.random.integers(4)),
            filter=author.filter(),
            score_threshold=author.threshold(),
            prefetch=[author.prefetch(1) for _ in range(prefetches)] or None,
        )
        same(rows(both.client.query_batch_points(NAME, [request])[0].points), edge_answer(both.oracle, request))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("seed", seeds(4))
def test_mmr_as_a_prefetch(both: Both, seed: int, nested: bool) -> None:
    """A prefetch yields all candidates, whatever its limit; over prefetches of its own it chooses among theirs."""
    author = Author(seed, tuple(SIZES))
    for name in SIZES:
        inner = [models.Prefetch(**author.leaf(ties=False), limit=author.limit()) for _ in range(2)]
        prefetch = models.Prefetch(**nearest(author, name), limit=4, prefetch=inner if nested else None)
        request = models.QueryRequest(
            query=models.FusionQuery(fusion=models.Fusion.RRF), prefetch=prefetch, limit=100, filter=author.filter()
        )
        same(rows(both.client.query_batch_points(NAME, [request])[0].points), edge_answer(both.oracle, request))


@pytest.mark.parametrize("seed", seeds(3))
def test_mmr_over_sparse_vectors(both: Both, seed: int) -> None:
    theirs: Any = qdrant_client.QdrantClient(":memory:")
    theirs.create_collection(NAME, {}, sparse_vectors_config={"s": qdrant_client.models.SparseVectorParams()})
    for point in both.points:
        if "s" in point.vector:
            value = qdrant_client.models.SparseVector(**point.vector["s"].model_dump())
            theirs.upsert(NAME, [qdrant_client.models.PointStruct(id=point.id, vector={"s": value})])
    wanted = vector(np.random.default_rng(seed), "s")
    for target, m in ((theirs, qdrant_client.models), (both.client, models)):
        query = m.NearestQuery(
            nearest=m.SparseVector(**wanted.model_dump()), mmr=m.Mmr(diversity=0.6, candidates_limit=30)
        )
        answer = rows(target.query_points(NAME, query, using="s", limit=8, offset=1).points)
        if target is theirs:
            want = answer
    same(answer, want)
    theirs.close()


def obvious(relevance: Any, alike: Any, weight: float, k: int) -> list[int]:
    """Choose greedily: the last of the best, whose place the last candidate takes."""
    pending, chosen = list(range(len(relevance))), list[int]()
    while pending and len(chosen) < k:
        merits = [
            weight * relevance[i] - (1 - weight) * max(alike[i][j] for j in chosen) if chosen else relevance[i]
            for i in pending
        ]
        place = max(range(len(pending)), key=lambda p: (merits[p], p))
        chosen.append(pending[place])
        pending[place] = pending[-1]
        pending.pop()
    return chosen


@pytest.mark.parametrize("seed", seeds(20))
def test_the_choice_is_the_obvious_one_with_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 12))
    relevance = random.integers(0, 4, size).astype("f4") / 4
    alike = random.integers(0, 4, (size, size)).astype("f4") / 4
    weight = float(random.choice([0, 0.25, 0.5, 0.75, 1]))
    got = diversify(relevance, lambda position: alike[:, position], weight, 7)
    assert got.tolist() == obvious(relevance, alike, weight, 7)
