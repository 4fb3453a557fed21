"""Formulas answer as Qdrant's core: every expression, alone and in random trees, and the same refusals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
import qdrant_edge as qe
from edge import edge_filter
from edge_formula import edge_formula

from quiverdb.errors import QuiverError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

NAME = "docs"
VECTORS = [[1.0, 1.0], [1.0, -1.0], [-1.0, 0.5]]
HERE = {"lat": 1.0, "lon": 2.0}
PAYLOADS: list[dict[str, Any]] = [
    {"n": 1, "f": 2.5, "place": HERE, "day": "2020-01-01T00:00:00.123456Z", "color": "red"},
    {"n": 0, "f": -3.25, "place": [HERE], "day": "2020-01-02", "color": "blue"},
    {"n": [7], "f": [0.5], "place": {"lat": -80, "lon": 179.5}, "day": ["2021-06-01 10:00:00"]},
    {"n": 4, "f": 1e30, "place": {"lat": 51.5, "lon": -0.1}, "day": "1969-12-31T23:59:59Z"},
    {"n": -2, "f": 0.0, "place": HERE, "day": "2020-01-01"},
    {"n": 2**53 + 1, "f": 1e-30, "place": HERE, "day": "2020-01-01"},
]
ODD: list[dict[str, Any]] = [
    {},
    {"n": None, "f": None, "place": None, "day": None},
    {"n": [1, 2], "f": [1.5, 2.5], "place": [HERE, HERE], "day": ["2020-01-01", "2020-01-02"]},
    {"n": "5", "f": True, "place": {"lat": 100.0, "lon": 2.0}, "day": "soon"},
    {"n": [], "f": [[6]], "place": {"lat": "1", "lon": 2}, "day": 5},
    {"n": {"x": 1}, "f": [None], "place": "here", "day": [None]},
    {"n": [3, "x"], "f": [4.5, "x"], "place": [HERE, "x"], "day": [1, "2020-01-01"]},
]
SOME = list(range(len(PAYLOADS)))
E = models


class Pair:
    """The same points in our client and in the oracle."""

    def __init__(self) -> None:
        points = list(enumerate([*PAYLOADS, *ODD]))
        vectors = [[1.0, float(i % 5)] for i, _ in points]
        self.client = QdrantClient(":memory:")
        self.client.create_collection(NAME, models.VectorParams(size=2, distance=models.Distance.DOT))
        self.client.upsert(
            NAME, [models.PointStruct(id=i, vector=vectors[i], payload=payload) for i, payload in points]
        )

    def indexed(self, **kinds: models.PayloadSchemaType) -> None:
        for key, kind in kinds.items():
            self.client.create_payload_index(NAME, key, kind)
            self.oracle.update(
                qe.UpdateOperation.create_field_index(key, getattr(qe.PayloadSchemaType, kind.value.capitalize()))
            )

    def open(self, folder: Any) -> Pair:
        config = qe.EdgeConfig(vectors={"": qe.EdgeVectorParams(size=2, distance=qe.Distance.Dot)}, wal_enabled=False)
        self.oracle = qe.EdgeShard.create(str(folder), config)
        points = [qe.Point(i, [1.0, float(i % 5)], payload) for i, payload in enumerate([*PAYLOADS, *ODD])]
        self.oracle.update(qe.UpdateOperation.upsert_points(points))
        return self

    def ours(self, query: models.FormulaQuery, ids: list[int], **more: Any) -> dict[int, float] | None:
        chosen = models.Filter(must=[models.HasIdCondition(has_id=ids)])
        prefetch = [models.Prefetch(query=vector, filter=chosen, limit=4) for vector in VECTORS]
        try:
            found = self.client.query_points(NAME, query, prefetch=prefetch, **more).points
        except UnexpectedResponse as error:
            if error.status_code != 400:
                raise
            return None
        scores = [point.score for point in found]
        assert scores == sorted(scores, reverse=True)
        return {point.id: point.score for point in found}

    def theirs(self, query: models.FormulaQuery, ids: list[int], **more: Any) -> dict[int, float] | None:
        chosen = edge_filter(models.Filter(must=[models.HasIdCondition(has_id=ids)]))
        try:
            request = qe.QueryRequest(
                prefetches=[qe.Prefetch(limit=4, query=qe.Query.Nearest(v), filter=chosen) for v in VECTORS],
                query=edge_formula(query),
                **{"limit": 10, **more},
            )
            return {point.id: point.score for point in self.oracle.query(request)}
        except Exception:
            return None

    def same(self, formula: Any, defaults: dict[str, Any] | None = None, ids: list[int] = SOME, **more: Any) -> bool:
        """Compare the answers; tell whether there was one."""
        query = models.FormulaQuery(formula=formula, defaults=defaults)
        got, want = self.ours(query, ids, **more), self.theirs(query, ids, **more)
        assert (got is None) == (want is None), (formula, got, want)
        if got is None or want is None:
            return False
        assert got.keys() == want.keys(), formula
        for id in got:
            assert np.isclose(got[id], want[id], rtol=2e-6, atol=1e-30), (formula, id, got[id], want[id])
        return True


@pytest.fixture
def pair(tmp_path: Any) -> Iterator[Pair]:
    made = Pair().open(tmp_path)
    yield made
    made.client.close()
    made.oracle.close()


def decay(kind: str, **params: Any) -> Any:
    node = {"lin": E.LinDecayExpression, "exp": E.ExpDecayExpression, "gauss": E.GaussDecayExpression}[kind]
    return node(**{f"{kind}_decay": models.DecayParamsExpression(**params)})


def geo(lat: float = 4.0, lon: float = 3.0) -> models.GeoDistance:
    return models.GeoDistance(
        geo_distance=models.GeoDistanceParams(origin=models.GeoPoint(lat=lat, lon=lon), to="place")
    )


def div(left: Any, right: Any, default: float | None = None) -> models.DivExpression:
    return E.DivExpression(div=models.DivParams(left=left, right=right, by_zero_default=default))


def power(base: Any, exponent: Any) -> models.PowExpression:
    return E.PowExpression(pow=models.PowParams(base=base, exponent=exponent))


DAY = E.DatetimeKeyExpression(datetime_key="day")
RED = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
ANSWERED: list[Any] = [
    3.5, -2, "n", "f", "$score", "$score[0]", "$score[2]", "$score[9]", RED, geo(), geo(-80.0, -179.0),
    models.HasIdCondition(has_id=[1, 2]), models.Filter(must_not=[RED]),
    models.IsEmptyCondition(is_empty={"key": "color"}),
    E.MultExpression(mult=[]), E.SumExpression(sum=[]), E.MultExpression(mult=["n", "$score", 2.5]),
    E.SumExpression(sum=["$score", E.MultExpression(mult=[0.5, RED])]), E.SumExpression(sum=[16777217.0, -16777216.0]),
    E.NegExpression(neg="n"), E.AbsExpression(abs="f"), E.MaxExpression(max=["n", "$score[1]", 0.5]),
    E.MinExpression(min=["n", "$score[1]", 0.5]), E.MaxExpression(max=["n"]), div("$score", 4.0), div(1.0, "n", 9.5),
    div(0.0, "missing"), E.MultExpression(mult=[0.0, "missing"]), E.SqrtExpression(sqrt=E.AbsExpression(abs="f")),
    power("n", 2.0), power(0.0, 0.0), power(2.0, "$score"), E.ExpExpression(exp=E.NegExpression(neg=geo())),
    E.Log10Expression(log10=E.SumExpression(sum=[3.0, "n"])), E.LnExpression(ln=E.SumExpression(sum=[3.0, "n"])),
    E.AcoshExpression(acosh=E.SumExpression(sum=[3.0, "n"])), DAY,
    E.DatetimeExpression(datetime="2020-01-01T00:00:05.5Z"),
    E.SumExpression(sum=[DAY, E.NegExpression(neg=E.DatetimeExpression(datetime="2020-01-01"))]),
    decay("lin", x="n", target=2.0, scale=4.0, midpoint=0.3), decay("exp", x="n", target="$score"),
    decay("gauss", x="f", scale=0.5), decay("lin", x="n", midpoint=1.0), decay("lin", x="n", midpoint=0.0),
    decay("gauss", x=DAY, target=E.DatetimeExpression(datetime="2020-01-01"), scale=86400.0),
    decay("exp", x=geo(), scale=1000.0, midpoint=0.9),
    div(1.0, E.MultExpression(mult=[1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30])),
]  # fmt: skip
REFUSED: list[Any] = [
    "missing", "color", "$scor", "$score[x]", "$", "a b", "", div(1.0, 0.0), div(1.0, "n"), 1e39,
    E.MultExpression(mult=["missing", 0.0]), E.SqrtExpression(sqrt=-1.0), E.LnExpression(ln=0.0),
    E.Log10Expression(log10=-1.0),
    E.ExpExpression(exp=1000.0), power(-8.0, 1 / 3), power(0.0, -1.0), E.AcoshExpression(acosh=0.5),
    E.MaxExpression(max=[]), E.MinExpression(min=[]), div(1.0, E.ExpExpression(exp=1000.0)),
    E.DatetimeKeyExpression(datetime_key="n"), models.GeoDistance(geo_distance={"origin": HERE, "to": "n"}),
    decay("exp", x="n", midpoint=0.0), decay("gauss", x="n", midpoint=1.0), decay("lin", x="n", midpoint=1.5),
    decay("lin", x="n", scale=0.0), decay("exp", x="n", scale=-1.0), float("nan"), float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("formula", ANSWERED, ids=repr)
def test_expression_has_the_value_that_qdrant_computes(pair: Pair, formula: Any) -> None:
    assert pair.same(formula)


@pytest.mark.parametrize("formula", REFUSED, ids=repr)
def test_expression_is_refused_where_qdrant_refuses_it(pair: Pair, formula: Any) -> None:
    assert not pair.same(formula)


KINDS = ("integer", "float", "keyword", "datetime", "text", "geo", "bool")


@pytest.mark.parametrize("index", [None, *KINDS])
def test_values_that_are_missing_several_or_of_another_type(pair: Pair, index: str | None) -> None:
    if index is not None:
        kind = models.PayloadSchemaType(index)
        pair.indexed(f=kind, n=kind, place=kind, day=kind)
    variables = ["n", "f", "n[0]", "f[0]", "n[]", geo(), E.DatetimeKeyExpression(datetime_key="day")]
    given = {"n": 9, "n[]": 8, "f": 4.5, "place": HERE, "day": "2020-01-03"}
    answered = sum(
        pair.same(variable, default, ids=[id])
        for id in range(len(PAYLOADS) - 1, len(PAYLOADS) + len(ODD))
        for variable in variables
        for default in (None, given, {"n": "x", "f": True, "place": 5, "day": 5})
    )
    assert answered > 20


def test_defaults_of_scores_and_bad_defaults(pair: Pair) -> None:
    both = E.SumExpression(sum=["$score[0]", "$score[1]", "$score[5]"])
    for defaults in ({"$score": 5.0}, {"$score[0]": -3}, {"$score[1]": 2.5, "$score[5]": 1}, {"$score[0]": True}):
        assert pair.same(both, defaults)
    for defaults in ({"$foo": 1}, {"a b": 1}, {"$score[x]": 1}):
        assert not pair.same(both, defaults)


def test_threshold_limit_and_offset(pair: Pair) -> None:
    for threshold in (None, 1.0, 0.999, 4.0, -50.0):
        assert pair.same("n", score_threshold=threshold)
    assert pair.same(E.MultExpression(mult=["n", 1.0]), limit=2)
    assert pair.same("n", limit=2, offset=1)
    assert pair.same("n", ids=[])


@pytest.mark.parametrize("seed", range(int(os.environ.get("QUIVERDB_EXAMPLES", "0")) // 20 + 4))
def test_random_trees(pair: Pair, seed: int) -> None:
    random = Random(seed)
    answered = sum(pair.same(tree(random, 4), {"missing": 0.5}) for _ in range(40))
    assert answered > 5


def tree(random: Random, depth: int) -> Any:
    """Draw an expression."""
    if depth == 0 or random.random() < 0.2:
        return random.choice([0.0, 1.0, -2.5, 1e4, "n", "f", "missing", "$score", "$score[1]", RED, geo()])
    some = lambda low: [tree(random, depth - 1) for _ in range(random.randint(low, 3))]  # noqa: E731
    one = lambda: tree(random, depth - 1)  # noqa: E731
    kind = random.choice(("lin", "exp", "gauss"))
    return random.choice(
        (
            lambda: E.MultExpression(mult=some(1)),
            lambda: E.SumExpression(sum=some(1)),
            lambda: E.MaxExpression(max=some(1)),
            lambda: E.MinExpression(min=some(1)),
            lambda: E.NegExpression(neg=one()),
            lambda: E.AbsExpression(abs=one()),
            lambda: E.SqrtExpression(sqrt=E.AbsExpression(abs=one())),
            lambda: div(one(), one(), random.choice((None, 2.0, 2.0, 0.0))),
            lambda: power(E.AbsExpression(abs=one()), random.choice((0.5, 2.0, 0.0))),
            lambda: E.LnExpression(ln=E.SumExpression(sum=[1.0, E.AbsExpression(abs=one())])),
            lambda: decay(kind, x=one(), target=random.choice((0.0, one())), scale=random.choice((1.0, 10.0))),
        )
    )()


def test_a_formula_without_prefetch_is_refused(pair: Pair) -> None:
    with pytest.raises((UnexpectedResponse, QuiverError), match="prefetch"):
        pair.client.query_points(NAME, models.FormulaQuery(formula=1.0))
