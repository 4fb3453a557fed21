"""Texts and pictures wherever a vector may stand: embedded once, in batches, and before anything is changed."""

# ruff: noqa: E501 (one line per form)
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as qe
from qdrant_client import models as official

from quiverdb.embed import HashingEmbedder, register, unregister
from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.qdrant.request import inference, queries

FACTS = json.loads((Path(__file__).parents[2] / "tools" / "facts" / "qdrant_models.json").read_text())
TEXTS = ["The quick brown foxes", "a turtle that runs, and runs", "Snow on the Häuser", "", "the"]
SIZE = 16
OPTIONS = {"size": SIZE}


def doc(text: str, model: str = "quiverdb/hashing", options: Any = OPTIONS) -> models.Document:
    return models.Document(text=text, model=model, options=options)


def bm25(text: str, **options: Any) -> models.Document:
    return models.Document(text=text, model="Qdrant/bm25", options=options or None)


def hashed(text: str) -> list[float]:
    return HashingEmbedder(SIZE).embed([text])[0].tolist()


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:", local_inference_batch_size=2) as client:
        client.create_collection(
            "docs",
            {"v": models.VectorParams(size=SIZE, distance="Dot"), "w": models.VectorParams(size=SIZE, distance="Dot")},
            {"s": models.SparseVectorParams()},
        )
        client.create_collection("plain", models.VectorParams(size=SIZE, distance="Dot"))
        yield client


class Recorder:
    """Embed everything as ones, and note what was asked for."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.calls: list[tuple[str, list[Any]]] = []

    def _made(self, kind: str, inputs: Sequence[Any]) -> np.ndarray:
        self.calls.append((kind, list(inputs)))
        if "bad" in inputs:
            raise RuntimeError("cannot read this")
        return np.ones((len(inputs), self.size), np.float32)

    def embed_documents(self, texts: Sequence[str]) -> np.ndarray:
        return self._made("document", texts)

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self._made("query", texts)

    def embed_images(self, images: Sequence[Any]) -> np.ndarray:
        return self._made("image", images)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    register("test/recorder", lambda: recorder, size=SIZE)
    yield recorder
    unregister("test/recorder")


# BM25 -----------------------------------------------------------------------------------------------------------


BM25_OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"k": 2.0, "b": 0.3, "avg_len": 5.0}, {"k": 2.0, "b": 0.3, "avg_len": 5.0}),
    ({"tokenizer": "whitespace", "lowercase": False}, {"tokenizer": qe.TokenizerType.Whitespace, "lowercase": False}),
    ({"tokenizer": models.TokenizerType.PREFIX}, {"tokenizer": qe.TokenizerType.Prefix}),
    ({"ascii_folding": True, "min_token_len": 3}, {"ascii_folding": True, "min_token_len": 3}),
    ({"max_token_len": 4}, {"max_token_len": 4}),
    ({"language": "en"}, {"language": "en"}),
    ({"stemmer": {"type": "none"}}, {"stemmer": qe.DisabledStemmer()}),
    (
        {"stemmer": {"type": "snowball", "language": "german"}, "stopwords": {"custom": ["fox", "auf"]}},
        {"stemmer": qe.SnowballParams(qe.SnowballLanguage.German), "stopwords": qe.StopwordsSet(custom={"fox", "auf"})},
    ),
    (
        {"stopwords": {"languages": ["english"], "custom": ["turtle"]}},
        {"stopwords": qe.StopwordsSet({qe.Language.English}, {"turtle"})},
    ),
    (
        {"language": "german", "stopwords": {"custom": []}},
        {"language": "german", "stopwords": qe.StopwordsSet(custom=set())},
    ),
]


@pytest.mark.parametrize(("options", "settings"), BM25_OPTIONS)
@pytest.mark.parametrize("name", ["Qdrant/bm25", "qdrant/BM25", "bm25"])
def test_bm25_vectors_are_those_of_edge(
    client: QdrantClient, name: str, options: dict[str, Any], settings: dict[str, Any]
) -> None:
    edge = qe.Bm25(qe.Bm25Config(**settings))
    client.upsert("docs", [models.PointStruct(id=i, vector={"s": doc(t, name, options)}) for i, t in enumerate(TEXTS)])
    stored = client.retrieve("docs", range(len(TEXTS)), with_vectors=True)
    for text, record in zip(TEXTS, stored, strict=True):
        expected = edge.embed_document(text)
        weights = dict(zip(expected.indices, expected.values, strict=True))
        got = record.vector["s"]
        assert dict(zip(got.indices, got.values, strict=True)) == pytest.approx(weights)
    sought = inference.read(queries.kind_of, doc("foxes run foxes", name, options), "query", 8).vector
    expected = edge.embed_query("foxes run foxes")
    assert sought.indices.tolist() == sorted(expected.indices)
    assert set(sought.values.tolist()) == set(expected.values) == {1.0}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"k": -1}, "k"),
        ({"b": 2}, "b"),
        ({"avg_len": 0}, "avg_len"),
        ({"k": float("nan")}, "k"),
        ({"language": "xx"}, "language"),
        ({"language": "none"}, "language"),
        ({"tokenizer": "words"}, "tokenizer"),
        ({"stemmer": {"type": "snowball", "language": "xx"}}, "language"),
        ({"length": 3}, "length"),
        ({"min_token_len": "a"}, "min_token_len"),
    ],
)
def test_wrong_options_of_bm25_are_refused(client: QdrantClient, options: dict[str, Any], field: str) -> None:
    with pytest.raises(UnexpectedResponse, match=field) as caught:
        client.query_points("docs", bm25("a", **options), using="s")
    assert caught.value.status_code == 400


# Places ----------------------------------------------------------------------------------------------------------


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_the_places_are_those_that_the_api_has() -> None:
    unions = FACTS["unions"] | FACTS["aliases"]
    fields = {name: {key: fact["type"] if isinstance(fact, dict) else fact for key, fact in model["fields"].items()}
              for name, model in FACTS["models"].items()}  # fmt: skip
    needs = {name: words(text) for name, text in unions.items()}
    needs |= {name: words(" ".join(types.values())) for name, types in fields.items()}
    leading = set(inference.KINDS)
    while more := {name for name, used in needs.items() if used & leading} - leading:
        leading |= more
    assert {
        field for name in fields.keys() & leading - inference.KINDS for field, type in fields[name].items()
        if words(type) & leading
    } == inference.PLACES  # fmt: skip


Form = Callable[[Callable[[str], Any]], Any]
QUERIES: dict[str, Form] = {
    "alone": lambda v: v("a"),
    "nearest": lambda v: models.NearestQuery(nearest=v("a"), mmr=models.Mmr(diversity=0.5)),
    "nearest as dict": lambda v: {"nearest": v("a")},
    "recommend": lambda v: models.RecommendQuery(
        recommend=models.RecommendInput(positive=[1, v("a"), hashed("x")], negative=[v("b"), "0" * 32])
    ),
    "discover": lambda v: models.DiscoverQuery(
        discover=models.DiscoverInput(target=v("a"), context=[models.ContextPair(positive=v("b"), negative=3)])
    ),
    "context": lambda v: models.ContextQuery(context=models.ContextPair(positive=1, negative=v("a"))),
    "feedback": lambda v: models.RelevanceFeedbackQuery(
        relevance_feedback=models.RelevanceFeedbackInput(
            target=v("a"),
            feedback=[models.FeedbackItem(example=v("b"), score=0.5)],
            strategy=models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=1, b=1, c=1)),
        )
    ),
}
PREFETCHES: dict[str, Form] = {
    "none": lambda v: None,
    "one": lambda v: models.Prefetch(query=v("c"), using="v"),
    "nested": lambda v: [
        models.Prefetch(prefetch=models.Prefetch(query=v("c")), query=models.NearestQuery(nearest=v("d"))),
        {"query": {"recommend": {"positive": [v("e")]}}, "prefetch": [{"query": v("f")}]},
    ],
}


@pytest.mark.parametrize("prefetch", PREFETCHES.values(), ids=PREFETCHES.keys())
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
@pytest.mark.parametrize("make", [doc, lambda text: doc(text).model_dump(), lambda text: official.Document(
    text=text, model="quiverdb/hashing", options=OPTIONS), lambda text: models.InferenceObject(
    object=text, model="quiverdb/hashing", options=OPTIONS)], ids=["ours", "dict", "official", "object"])  # fmt: skip
def test_texts_in_queries_are_read_as_their_vectors(query: Form, prefetch: Form, make: Callable[[str], Any]) -> None:
    given = (query(make), prefetch(make))
    before = repr(given)
    read = partial(queries.query_of, using="v")
    assert repr(inference.read(read, given, "query", 3)) == repr(read((query(hashed), prefetch(hashed))))
    assert repr(given) == before


def test_all_calls_that_search_take_texts(client: QdrantClient) -> None:
    client.upsert(
        "docs", [models.PointStruct(id=i, vector={"v": doc(t)}, payload={"t": t}) for i, t in enumerate(TEXTS)]
    )
    question, vector = doc("running turtles"), hashed("running turtles")
    requests = [models.QueryRequest(query=q, using="v", limit=3, with_payload=True) for q in (question, vector)]
    first, second = client.query_batch_points("docs", iter(requests))
    assert first == second
    assert client.query_points("docs", question, using="v", limit=3) == first
    assert client.query_batch_points(
        "docs", [{"query": question.model_dump(), "using": "v", "limit": 3, "with_payload": True}]
    ) == [first]
    groups = [client.query_points_groups("docs", "t", q, using="v") for q in (question, vector)]
    assert groups[0] == groups[1]
    assert len(groups[0].groups) == len(set(TEXTS))


STORING: dict[str, Callable[[QdrantClient, Callable[[str], Any]], Any]] = {
    "points": lambda c, v: c.upsert(
        "docs", [models.PointStruct(id=1, vector={"v": v("a"), "w": hashed("b")}), models.PointStruct(id=2, vector={})]
    ),
    "iterator": lambda c, v: c.upsert("docs", iter([{"id": 1, "vector": {"v": v("a"), "w": v("b")}}, {"id": 2, "vector": {}}])),
    "batch": lambda c, v: c.upsert("docs", models.Batch(ids=[1], vectors={"v": [v("a")], "w": [hashed("b")]})),
    "batch as dict": lambda c, v: c.upsert("docs", {"ids": [1], "vectors": {"v": [v("a")], "w": [v("b")]}}),
    "update": lambda c, v: (
        c.upsert("docs", [models.PointStruct(id=1, vector={"w": v("b")})]),
        c.update_vectors("docs", [models.PointVectors(id=1, vector={"v": v("a")})]),
    ),
    "operations": lambda c, v: c.batch_update_points(
        "docs",
        [
            models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=1, vector={"w": v("b")})])),
            {"update_vectors": {"points": [{"id": 1, "vector": {"v": v("a")}}]}},
            models.UpsertOperation(upsert=models.PointsBatch(batch=models.Batch(ids=[2], vectors={"v": [v("c")]}))),
        ],
    ),
    "upload": lambda c, v: c.upload_points("docs", (models.PointStruct(id=1, vector={"v": v("a"), "w": v("b")}) for _ in "1")),
    "columns": lambda c, v: c.upload_collection("docs", [{"v": v("a"), "w": v("b")}], ids=[1]),
    "named columns": lambda c, v: c.upload_collection("docs", {"v": [v("a")], "w": [v("b")]}, ids=[1], parallel=2),
}  # fmt: skip


@pytest.mark.parametrize("store", STORING.values(), ids=STORING.keys())
def test_all_calls_that_store_take_texts(client: QdrantClient, store: Callable[..., Any]) -> None:
    for make in (hashed, doc, lambda text: doc(text).model_dump()):
        client.delete("docs", models.Filter())
        store(client, make)
        (record,) = client.retrieve("docs", [1], with_vectors=True)
        assert record.vector == {"v": hashed("a"), "w": hashed("b")}


@pytest.mark.parametrize("vectors", [[doc("a")], [doc("a").model_dump()], iter([doc("a")])])
def test_unnamed_vectors_may_be_texts(client: QdrantClient, vectors: Any) -> None:
    client.upload_collection("plain", vectors, ids=[1])
    client.upsert("plain", models.Batch(ids=[2], vectors=[doc("a")]))
    client.upsert("plain", [{"id": 3, "vector": doc("a").model_dump(), "payload": {"text": "x", "model": "y"}}])
    assert [record.vector for record in client.retrieve("plain", [1, 2, 3], with_vectors=True)] == [hashed("a")] * 3


# Batches and failures --------------------------------------------------------------------------------------------


def recorded(text: str) -> models.Document:
    return models.Document(text=text, model="Test/Recorder")


def test_a_request_is_embedded_in_batches_per_model_and_kind(client: QdrantClient, recorder: Recorder) -> None:
    picture = models.Image(image="p.png", model="test/recorder")
    rows = [models.PointStruct(id=i, vector={"v": recorded(f"v{i}"), "w": recorded(f"w{i}")}) for i in range(2)]
    rows.append(models.PointStruct(id=2, vector={"v": picture, "w": doc("other")}))
    client.upsert("docs", rows)
    assert recorder.calls == [
        ("document", ["v0", "w0"]), ("document", ["v1", "w1"]), ("image", ["p.png"]),
    ]  # fmt: skip
    recorder.calls.clear()
    client.query_points("docs", picture, using="v", prefetch=models.Prefetch(query=recorded("q"), using="w"))
    assert sorted(recorder.calls) == [("image", ["p.png"]), ("query", ["q"])]


def test_batches_are_of_eight_by_default(recorder: Recorder) -> None:
    with QdrantClient(":memory:") as client:
        client.create_collection("docs", models.VectorParams(size=SIZE, distance="Dot"))
        client.upload_points("docs", [models.PointStruct(id=i, vector=recorded(str(i))) for i in range(20)])
        assert client.count("docs").count == 20
    assert [len(texts) for _, texts in recorder.calls] == [8, 8, 4]
    with pytest.raises(InvalidInputError, match="local_inference_batch_size"):
        QdrantClient(":memory:", local_inference_batch_size=0)


def test_nothing_is_stored_when_a_model_fails(client: QdrantClient, recorder: Recorder) -> None:
    rows = [models.PointStruct(id=i, vector={"v": recorded(text)}) for i, text in enumerate(["good", "fine", "bad"])]
    with pytest.raises(UnexpectedResponse, match=r"Test/Recorder.* failed: cannot read this"):
        client.upsert("docs", rows)
    with pytest.raises(UnexpectedResponse):
        client.batch_update_points("docs", [models.UpsertOperation(upsert=models.PointsList(points=rows))])
    recorder.size = SIZE + 1
    with pytest.raises(UnexpectedResponse, match=f"expected dim: {SIZE}"):
        client.upsert("docs", rows[:1])
    assert client.count("docs").count == 0


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (models.Image(image="p.png", model="quiverdb/hashing"), "does not embed pictures"),
        (models.InferenceObject(object={"a": 1}, model="quiverdb/hashing"), "embeds texts, got dict"),
        (doc("a", options={"size": 0}), "size must be positive"),
        (doc("a", options={"dim": 3}), "cannot be loaded"),
        (doc("a", options={"size": 3}), "expected dim"),
        ({"text": 3, "model": "quiverdb/hashing"}, "text"),
    ],
)
def test_what_a_model_does_not_take_is_refused(client: QdrantClient, query: Any, complaint: str) -> None:
    client.upsert("docs", [models.PointStruct(id=1, vector={"v": hashed("a")})])
    with pytest.raises(UnexpectedResponse, match=complaint) as caught:
        client.query_points("docs", query, using="v")
    assert caught.value.status_code == 400


@pytest.mark.parametrize("kind", ["Document", "Image", "InferenceObject"])
def test_a_model_that_takes_a_library_names_the_extra(client: QdrantClient, kind: str) -> None:
    item = {"Document": {"text": "a"}, "Image": {"image": "a"}, "InferenceObject": {"object": "a"}}[kind]
    with pytest.raises(ImportError, match=r"'BAAI/x' needs fastembed: pip install quiverdb\[fastembed\]") as caught:
        client.query_points("docs", getattr(models, kind)(model="BAAI/x", **item), using="v")
    assert isinstance(caught.value, MissingLibraryError)
    assert (caught.value.library, caught.value.extra) == ("fastembed", "fastembed")


def test_cloud_inference_needs_a_server() -> None:
    with pytest.raises(ValueError, match="cloud_inference"):
        QdrantClient(":memory:", cloud_inference=True)
