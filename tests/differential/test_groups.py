"""Groups over every kind of query, against an obvious grouping of what Qdrant's core ranks.

Queries over prefetches are grouped in the rounds that a server makes: up to five to find groups, each without the
points and the full groups of those before, and up to five to fill the best groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from edge_query import edge_answer
from pair import seeds
from query_world import ALL, DISTANCES, NAMES, Author, Both
from rows import Row
from targets import NAME

from quiverdb.qdrant import models


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    made = Both()
    for number in range(len(made.points)):
        extra: dict[str, Any] = {"few": number % 5, "own": f"name {number}"}
        extra["odd"] = [number % 3, "x", 0.5] if number % 4 == 0 else [str(number % 3), number % 2]
        if number % 6 == 5:
            del extra["few"]
        made.points[number].payload.update(extra)
        for target in (made.ours, made.oracle):
            target.set_payload(payload=extra, points=[number])
    yield made
    made.close()


def values(payload: dict[str, Any], key: str) -> list[int | str]:
    found = payload.get(key)
    listed = found if isinstance(found, list) else [] if found is None else [found]
    return [] if any(type(item) not in (int, str) for item in listed) else list(dict.fromkeys(listed))


class Groups:
    """Points by group, as far as a ranking has been read."""

    def __init__(self, both: Both, key: str, count: int, size: int, *, smaller: bool) -> None:
        self.both, self.key, self.count, self.size = both, key, count, size
        self.sign = 1 if smaller else -1
        self.hits: dict[int | str, list[Row]] = {}

    def add(self, ranked: list[Row]) -> None:
        for hit in ranked:
            for value in values(self.both.points[hit.id].payload, self.key):
                self.hits.setdefault(value, []).append(hit)

    def order(self, hit: Row) -> float:
        return self.sign * (hit.score if hit.order_value is None else hit.order_value)

    def best(self) -> dict[int | str, list[Row]]:
        ordered = sorted(self.hits.items(), key=lambda item: min(map(self.order, item[1])))
        return {key: sorted(hits, key=self.order)[: self.size] for key, hits in ordered[: self.count]}

    def full(self) -> list[int | str]:
        return [key for key, hits in self.hits.items() if len(hits) >= self.size]

    @property
    def done(self) -> bool:
        return len(self.best()) == self.count and all(len(hits) == self.size for hits in self.best().values())


def compare(both: Both, request: models.QueryRequest, key: str, count: int, size: int, want: Groups) -> None:
    fields = {name: getattr(request, name) for name in ("query", "using", "prefetch", "score_threshold")}
    got = both.client.query_points_groups(
        NAME, key, query_filter=request.filter, limit=count, group_size=size, with_payload=["n"], **fields
    ).groups
    best = want.best()
    assert [group.id for group in got] == list(best)
    for group in got:
        expected = best[group.id]
        assert [hit.id for hit in group.hits] == [hit.id for hit in expected]
        assert [hit.score for hit in group.hits] == pytest.approx([hit.score for hit in expected], abs=1e-4)
        assert all(hit.payload == {"n": both.points[hit.id].payload["n"]} for hit in group.hits)


def smaller(request: models.QueryRequest) -> bool:
    """Tell whether smaller scores are better."""
    query, name = request.query, request.using or ""
    strategy = query.recommend.strategy if isinstance(query, models.RecommendQuery) else None
    custom = models.DiscoverQuery | models.ContextQuery | models.RelevanceFeedbackQuery | models.FusionQuery
    if isinstance(query, custom) or strategy in ("best_score", "sum_scores"):
        return False
    return DISTANCES.get(name) in (models.Distance.EUCLID, models.Distance.MANHATTAN)


@pytest.mark.parametrize("key", ["few", "many", "own", "half", "odd", "nowhere"])
@pytest.mark.parametrize("seed", seeds(4))
def test_groups_of_plain_queries(both: Both, key: str, seed: int) -> None:
    author = Author(seed, tuple(name for name in NAMES if name not in ("s", "i")))
    for _ in range(6):
        leaf = author.leaf(ties=False)
        request = models.QueryRequest(**leaf, filter=author.filter(), score_threshold=author.threshold(), limit=ALL)
        count, size = int(author.random.integers(1, 8)), int(author.random.integers(1, 5))
        want = Groups(both, key, count, size, smaller=smaller(request))
        want.add(edge_answer(both.oracle, request))
        compare(both, request, key, count, size, want)


@pytest.mark.parametrize("key", ["few", "own", "half"])
@pytest.mark.parametrize("seed", seeds(5))
def test_groups_over_prefetches(both: Both, key: str, seed: int) -> None:
    author = Author(seed, tuple(DISTANCES))
    for _ in range(4):
        inner = [models.Prefetch(**author.leaf(ties=False), limit=int(author.random.integers(2, 9))) for _ in range(2)]
        leaf: dict[str, Any] = author.leaf(ties=False)
        if author.chance(0.5):
            leaf = {"query": models.RrfQuery(rrf=models.Rrf(weights=author.random.uniform(0.3, 3, 2).tolist()))}
        elif author.chance(0.3):
            nearest = models.NearestQuery(nearest=author.example("v"), mmr=models.Mmr(candidates_limit=30))
            leaf, inner = {"query": nearest, "using": "v"}, inner if author.chance(0.5) else []
        request = models.QueryRequest(**leaf, prefetch=inner, filter=author.filter())
        count, size = int(author.random.integers(1, 5)), int(author.random.integers(1, 4))
        want = Groups(both, key, count, size, smaller=smaller(request))
        in_rounds(request, want)
        compare(both, request, key, count, size, want)


def in_rounds(request: models.QueryRequest, want: Groups) -> None:
    """Find groups as a server does."""
    size, seen = want.size, set[int]()
    wider = [inner.model_copy(update={"limit": inner.limit * size}) for inner in request.prefetch]

    def ask(conditions: list[Any]) -> bool:
        empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=want.key))
        chosen = models.Filter(
            must=[*([request.filter] if request.filter else []), *conditions],
            must_not=[models.HasIdCondition(has_id=list(seen)), empty],
        )
        hits = edge_answer(
            want.both.oracle,
            request.model_copy(update={"prefetch": wider, "filter": chosen, "limit": want.count * size}),
        )
        want.add(hits)
        seen.update(hit.id for hit in hits)
        return bool(hits)

    def on(match: Any, keys: list[Any]) -> list[Any]:
        return [models.FieldCondition(key=want.key, match=match(keys))] if keys else []

    for _ in range(5):
        if not ask(on(lambda keys: models.MatchExcept(**{"except": keys}), want.full())):
            break
        if want.done:
            return
    for _ in range(5):
        missing = [key for key, hits in want.best().items() if len(hits) < size]
        if not ask(on(lambda keys: models.MatchAny(any=keys), missing)) or want.done:
            return


def test_groups_by_order_and_id(both: Both) -> None:
    order = models.OrderByQuery(order_by=models.OrderBy(key="n", direction="desc"))
    groups = both.client.query_points_groups(NAME, "few", query=order, limit=3, group_size=4).groups
    tops = [group.hits[0].order_value for group in groups]
    assert tops == sorted(tops, reverse=True)
    for group in groups:
        members = [p.payload["n"] for p in both.points if p.payload.get("few") == group.id]
        assert [hit.payload["n"] for hit in group.hits] == sorted(members, reverse=True)[:4]
    groups = both.client.query_points_groups(NAME, "few", limit=10, group_size=2).groups
    assert [(group.id, [hit.id for hit in group.hits]) for group in groups] == [
        (0, [0, 10]), (1, [1, 6]), (2, [2, 7]), (3, [3, 8]), (4, [4, 9]),
    ]  # fmt: skip
    sample = models.SampleQuery(sample=models.Sample.RANDOM)
    groups = both.client.query_points_groups(NAME, "few", query=sample, limit=10, group_size=2).groups
    assert sorted(group.id for group in groups) == [0, 1, 2, 3, 4]
    assert all(len({hit.id for hit in group.hits}) == 2 for group in groups)


def test_lookup_in_another_collection(both: Both) -> None:
    name = "550e8400-e29b-41d4-a716-446655440000"
    both.client.create_collection("docs", {"x": models.VectorParams(size=1, distance=models.Distance.DOT)})
    both.client.upsert(
        "docs",
        [
            models.PointStruct(id=id, vector={"x": [1.0]}, payload={"title": f"title {id}", "other": 1})
            for id in (0, 1, name)
        ],
    )
    both.client.set_payload(NAME, {"doc": name.upper()}, [1, 2])
    both.client.set_payload(NAME, {"doc": 1}, [3])
    both.client.set_payload(NAME, {"doc": -1}, [4])
    both.client.set_payload(NAME, {"doc": "no id"}, [5])
    lookup = models.WithLookup(collection="docs", with_payload=["title"], with_vectors=True)
    groups = both.client.query_points_groups(NAME, "doc", limit=9, with_lookup=lookup).groups
    found = {group.id: group.lookup for group in groups}
    assert found.keys() == {name.upper(), 1, -1, "no id"}
    assert found[-1] is None
    assert found["no id"] is None
    assert found[1].id == 1
    assert found[1].payload == {"title": "title 1"}
    assert found[1].vector == {"x": [1.0]}
    assert found[name.upper()].id == name
    assert both.client.query_points_groups(NAME, "doc", with_lookup="docs").groups[0].lookup.payload["other"] == 1
    both.client.delete_payload(NAME, ["doc"], [1, 2, 3, 4, 5])
