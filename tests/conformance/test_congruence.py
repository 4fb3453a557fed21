"""The official local mode and our engine, embedded and served, agree on a thousand random points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import qdrant_client
from backends import LOCAL, REMOTE
from congruence import ALL, SPARSE, Maker, fill, points
from pair import seeds
from qdrant_client import models as m
from rows import Row, assert_ranked, assert_rows, rows

Both = tuple["Side", "Side"]


class Side:
    """A client and its collection."""

    def __init__(self, client: Any, stored: list[m.PointStruct]) -> None:
        self.client = client
        self.name = f"congruence-{uuid4()}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of indexes that the local mode does without
            fill(client, self.name, stored)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self.client, method)
        return lambda *args, **kwargs: call(self.name, *args, **kwargs)

    def hits(self, **request: Any) -> list[Row]:
        return rows(self.query_points(**request).points)


STORED = points()


@pytest.fixture(scope="module")
def local() -> Iterator[Side]:
    client = qdrant_client.QdrantClient(":memory:")
    yield Side(client, STORED)
    client.close()


@pytest.fixture(scope="module", params=["memory", *REMOTE])
def both(
    request: pytest.FixtureRequest, local: Side, remote: Callable[[str], Any], tmp_path_factory: Any
) -> Iterator[Both]:
    if request.param in REMOTE:
        side = Side(remote(request.param), STORED)
        yield side, local
        side.delete_collection()
    else:
        with LOCAL[request.param](tmp_path_factory.mktemp("congruence")) as client:
            yield Side(client, STORED), local


@pytest.mark.parametrize("seed", seeds(3))
def test_queries(both: Both, seed: int) -> None:
    ours, theirs = both
    maker = Maker(seed)
    for _ in range(10):
        request, page = maker.asked(), {"limit": maker.random.randint(1, 40), "offset": maker.random.randint(0, 10)}
        selectors = {"with_payload": maker.random.random() < 0.7, "with_vectors": maker.random.random() < 0.3}
        everything = theirs.hits(**request, limit=ALL, **selectors)
        if request.get("using") in SPARSE:  # the local mode keeps points that share no term
            everything = [hit for hit in everything if hit.score]
        assert_ranked(ours.hits(**request, **page, **selectors), everything, **page)


@pytest.mark.parametrize("seed", seeds(2))
def test_filters(both: Both, seed: int) -> None:
    ours, theirs = both
    maker = Maker(100 + seed)
    for _ in range(12):
        chosen, limit, offset = maker.filter(), maker.random.randint(1, 30), maker.random.randint(0, 500)
        assert ours.count(chosen).count == theirs.count(chosen).count
        got, want = (side.scroll(chosen, limit=limit, offset=offset, with_vectors=True) for side in both)
        assert_rows(rows(got[0]), rows(want[0]))
        assert got[1] == want[1]
        hits = [side.facet("word", facet_filter=chosen, limit=5, exact=True).hits for side in both]
        assert [(hit.value, hit.count) for hit in hits[0]] == [(hit.value, hit.count) for hit in hits[1]]


@pytest.mark.parametrize("direction", m.Direction)
def test_order(both: Both, direction: m.Direction) -> None:
    order = m.OrderBy(key="share", direction=direction, start_from=0.5)
    chosen = Maker(5).filter()
    got, want = (side.scroll(chosen, order_by=order, limit=50)[0] for side in both)
    assert [(point.id, point.order_value) for point in got] == [(point.id, point.order_value) for point in want]


@pytest.mark.parametrize("key", ["number", "word", "city.name", "words"])
def test_groups(both: Both, key: str) -> None:
    query = Maker(9).vector("text")
    got, want = (
        side.query_points_groups(group_by=key, query=query, using="text", limit=8, group_size=3).groups for side in both
    )
    assert [(group.id, [hit.id for hit in group.hits]) for group in got] == [
        (group.id, [hit.id for hit in group.hits]) for group in want
    ]


def test_points_by_id(both: Both) -> None:
    got, want = (side.retrieve([5, 1, 5000, 999], with_vectors=["text", "words"]) for side in both)
    assert_rows(rows(got), rows(want))


def test_changes_of_many(both: Both) -> None:
    ours, theirs = (Side(side.client, STORED[:200]) for side in both)
    maker = Maker(200)
    changes = [
        ("set_payload", {"payload": {"new": 1, "word": None}, "points": maker.some()}),
        ("overwrite_payload", {"payload": {"only": 1}, "points": maker.some()}),
        ("delete_payload", {"keys": ["text", "city.geo"], "points": maker.some()}),
        ("clear_payload", {"points_selector": maker.some()}),
        ("delete_vectors", {"vectors": ["image"], "points": maker.some()}),
        ("update_vectors", {"points": [maker.vectors(number) for number in (1, 5, 9)]}),
        ("delete", {"points_selector": maker.some()}),
    ]
    for method, arguments in changes:
        for side in (ours, theirs):
            getattr(side, method)(**arguments)
        got, want = (side.scroll(limit=ALL, with_vectors=True)[0] for side in (ours, theirs))
        assert_rows(rows(got), rows(want))
    ours.delete_collection()
