"""Text queries and sparse searches, compared with Qdrant's core."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as qe

from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

SEEDS = range(int(os.environ.get("QUIVERDB_EXAMPLES", "6")))
TEXT = "red Red fox foxes quick_fox quickFox rose the running été 42 a thing things pie"
WORDS = TEXT.split()
TOKENIZERS = [
    {},
    {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4},
    {"tokenizer": "whitespace", "lowercase": False},
    {"tokenizer": "code"},
    {"tokenizer": "multilingual", "min_token_len": 2},
    {"stopwords": "english", "stemmer": "english", "ascii_folding": True, "phrase_matching": True},
]


class Sides:
    """The same points here and in Qdrant's core, with a text index that scores."""

    def __init__(self, folder: Path | None, **options: Any) -> None:
        self.folder = folder
        self.edge_folder = tempfile.TemporaryDirectory()
        vectors = {"s": qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)}
        config = qe.EdgeConfig(sparse_vectors=vectors, wal_enabled=False)
        self.edge = qe.EdgeShard.create(self.edge_folder.name, config)
        self.ours = QdrantClient(":memory:") if folder is None else QdrantClient(path=str(folder))
        idf = models.SparseVectorParams(modifier=models.Modifier.IDF)
        self.ours.create_collection("c", sparse_vectors_config={"s": idf})
        self.ours.create_payload_index("c", "t", models.TextIndexParams(type="text", scoring=True, **_ours(options)))
        self.edge.update(qe.UpdateOperation.create_field_index("t", qe.TextIndexParams(scoring=True, **_edge(options))))

    def reopen(self) -> None:
        if self.folder is not None:
            self.ours.close()
            self.ours = QdrantClient(path=str(self.folder))

    def close(self) -> None:
        self.ours.close()
        self.edge.close()
        self.edge_folder.cleanup()

    def upsert(self, points: dict[int, tuple[dict[int, float], dict[str, Any]]]) -> None:
        ours, theirs = [], []
        for id, (entries, payload) in points.items():
            columns = list(entries), list(entries.values())
            vector = models.SparseVector(indices=columns[0], values=columns[1])
            ours.append(models.PointStruct(id=id, vector={"s": vector}, payload=payload))
            theirs.append(qe.Point(id, {"s": qe.SparseVector(*columns)}, payload))
        self.ours.upsert("c", ours)
        self.edge.update(qe.UpdateOperation.upsert_points(theirs))

    def delete(self, ids: list[int]) -> None:
        self.ours.delete("c", ids)
        self.edge.update(qe.UpdateOperation.delete_points(ids))

    def set_payload(self, ids: list[int], payload: dict[str, Any]) -> None:
        self.ours.set_payload("c", payload, ids)
        self.edge.update(qe.UpdateOperation.set_payload(ids, payload, None))

    def delete_text(self, ids: list[int]) -> None:
        self.ours.delete_payload("c", ["t"], ids)
        self.edge.update(qe.UpdateOperation.delete_payload(ids, ["t"]))

    def same_texts(self, text: str, *, only: int | None = None, **parameters: float) -> None:
        ours: Any = text
        if parameters:
            scoring = models.Bm25Scoring(bm25=models.Bm25Params(**parameters))
            ours = models.TextQueryInput(query=text, scoring=scoring)
        theirs = qe.TextQuery("t", text, qe.Bm25Params(**parameters) if parameters else None)
        self._same(models.TextQuery(text=ours), "t", theirs, only)

    def same_vectors(self, entries: dict[int, float], *, only: int | None = None, corpus: int | None = None) -> None:
        columns = list(entries), list(entries.values())
        params: tuple[Any, Any] = None, None
        if corpus is not None:
            ours = models.SearchParams(idf=models.IdfCorpusParams(corpus=_filters(corpus)[0]))
            params = ours, qe.SearchParams(idf=qe.IdfParams(_filters(corpus)[1]))
        query = models.SparseVector(indices=columns[0], values=columns[1])
        self._same(query, "s", qe.Query.Nearest(qe.SparseVector(*columns), using="s"), only, *params)

    def _same(self, ours: Any, using: str, theirs: Any, only: int | None, *params: Any) -> None:
        chosen = _filters(only) if only is not None else (None, None)
        mine, other = params or (None, None)
        found = self.ours.query_points(
            "c", ours, using=using, query_filter=chosen[0], limit=1000, search_params=mine
        ).points
        got = {point.id: point.score for point in found}
        want = self.edge.query(qe.QueryRequest(limit=1000, query=theirs, filter=chosen[1], params=other))
        assert got == pytest.approx({point.id: point.score for point in want}, rel=1e-5, abs=1e-6)
        scores = [point.score for point in found]
        assert scores == sorted(scores, reverse=True)
        few = self.ours.query_points("c", ours, using=using, query_filter=chosen[0], limit=3, search_params=mine).points
        assert [point.id for point in few] == [point.id for point in found[:3]]


def _filters(value: int) -> tuple[models.Filter, qe.Filter]:
    ours = models.Filter(must=[models.FieldCondition(key="n", match=models.MatchValue(value=value))])
    return ours, qe.Filter(must=[qe.FieldCondition(key="n", match=qe.MatchValue(value))])


def _ours(options: dict[str, Any]) -> dict[str, Any]:
    if "stemmer" in options:
        options = options | {"stemmer": models.SnowballParams(type="snowball", language=options["stemmer"])}
    return options


def _edge(options: dict[str, Any]) -> dict[str, Any]:
    converted = dict(options)
    if "tokenizer" in options:
        converted["tokenizer"] = getattr(qe.TokenizerType, options["tokenizer"].title())
    if "stopwords" in options:
        converted["stopwords"] = getattr(qe.Language, options["stopwords"].title())
    if "stemmer" in options:
        converted["stemmer"] = qe.SnowballParams(getattr(qe.SnowballLanguage, options["stemmer"].title()))
    return converted


def text(chance: random.Random) -> Any:
    words = chance.choices(WORDS, k=chance.randint(0, 8))
    kind = chance.random()
    if kind < 0.1:
        return chance.choice([None, 5, [], ["", "..."], {"a": "red"}])
    return [" ".join(words[:3]), 7, " ".join(words[3:])] if kind < 0.3 else " ".join(words)


@pytest.fixture(params=[{}, {"disk": True}], ids=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "db" if request.param else None


@pytest.mark.parametrize("seed", SEEDS)
def test_text_queries_score_as_in_qdrant(seed: int, folder: Path | None) -> None:
    chance = random.Random(seed)
    sides = Sides(folder, **TOKENIZERS[seed % len(TOKENIZERS)])
    for turn in range(6):
        ids = chance.sample(range(60), 25)
        sides.upsert({id: ({1: 1.0}, {"t": text(chance), "n": id % 3} if id % 7 else {}) for id in ids})
        sides.set_payload(chance.sample(ids, 3), {"t": text(chance)})
        sides.delete_text(chance.sample(ids, 2))
        if turn % 2:
            sides.delete(chance.sample(ids, 4))
            sides.reopen()
        for _ in range(3):
            sides.same_texts(" ".join(chance.choices(WORDS, k=chance.randint(1, 4))))
            sides.same_texts(" ".join(chance.choices(WORDS, k=3)), only=chance.randint(0, 3))
            sides.same_texts("red things fox", k=chance.choice([0, 0.5, 3]), b=chance.choice([0, 0.3, 1]))
    sides.same_texts("")
    sides.same_texts("nowhere")
    sides.close()


def entries(chance: random.Random) -> dict[int, float]:
    return {term: chance.choice([0.5, 1.0, 2.0, 0.0, -1.0]) for term in chance.sample(range(12), chance.randint(0, 5))}


@pytest.mark.parametrize("seed", SEEDS)
def test_sparse_searches_score_as_in_qdrant(seed: int, folder: Path | None) -> None:
    chance = random.Random(seed)
    sides = Sides(folder)
    for first in (0, 40, 80):
        sides.upsert({id: (entries(chance), {"n": id % 3}) for id in range(first, first + 40)})
        sides.reopen()
        for _ in range(5):
            query = {term: abs(weight) + 0.3 for term, weight in entries(chance).items()}
            sides.same_vectors(query)
            sides.same_vectors(query, only=chance.randint(0, 3))
            sides.same_vectors(query, corpus=chance.randint(0, 3))
            sides.same_vectors(entries(chance), corpus=0, only=1)
    sides.close()


def test_a_corpus_counts_only_points_that_are_there() -> None:
    sides = Sides(None)
    sides.upsert({id: ({id % 4: 1.0, 9: 0.5}, {"n": id % 2}) for id in range(20)})
    sides.delete([0, 1, 2, 5])
    for term in range(4):
        sides.same_vectors({term: 1.0, 9: 1.0}, corpus=0)
        sides.same_vectors({term: 1.0, 9: 1.0}, corpus=1)
    sides.close()


def query(client: QdrantClient, using: str, **scoring: float) -> Any:
    params = models.Bm25Scoring(bm25=models.Bm25Params(**scoring))
    return client.query_points(
        "c", models.TextQuery(text=models.TextQueryInput(query="a", scoring=params)), using=using
    )


def test_wrong_text_queries_are_refused() -> None:
    sides = Sides(None)
    client = sides.ours
    client.create_payload_index("c", "plain", models.TextIndexParams(type="text"))
    client.create_payload_index("c", "word", models.PayloadSchemaType.KEYWORD)
    for using, reason in (("nope", "which has none"), ("plain", "does not score"), ("word", "keyword")):
        with pytest.raises(UnexpectedResponse, match=reason) as caught:
            query(client, using)
        assert caught.value.status_code == 400
    out_of_range, no_numbers = ({"k": -1.0}, {"b": 1.5}, {"b": -0.1}), ({"k": float("inf")}, {"k": float("nan")})
    for choices, reason in ((out_of_range, "BM25"), (no_numbers, "k must be a number")):
        for scoring in choices:
            with pytest.raises(UnexpectedResponse, match=reason):
                query(client, "t", **scoring)
    params = models.SearchParams(idf="global")
    client.create_collection("p", sparse_vectors_config={"s": models.SparseVectorParams()})
    with pytest.raises(UnexpectedResponse, match="idf"):
        client.query_points("p", models.SparseVector(indices=[1], values=[1.0]), using="s", search_params=params)
    sides.close()


def test_text_queries_take_part_in_fusion_and_thresholds() -> None:
    sides = Sides(None)
    sides.upsert({id: ({1: 1.0}, {"t": "red " * id + "fox", "n": id}) for id in range(1, 8)})
    red = models.TextQuery(text="red")
    ranked = sides.ours.query_points("c", red, using="t").points
    above = sides.ours.query_points("c", red, using="t", score_threshold=ranked[2].score).points
    assert [point.id for point in above] == [point.id for point in ranked[:2]]
    prefetch = [
        models.Prefetch(query=red, using="t", limit=2),
        models.Prefetch(query=models.TextQuery(text="fox"), using="t", limit=2),
    ]
    fused = sides.ours.query_points("c", models.FusionQuery(fusion="rrf"), prefetch=prefetch).points
    assert {point.id for point in fused} == {1, 2, 6, 7}
    rescored = sides.ours.query_points("c", red, using="t", prefetch=[models.Prefetch(query=red, using="t", limit=2)])
    assert [(point.id, point.score) for point in rescored.points] == [(point.id, point.score) for point in ranked[:2]]
    sides.close()
