"""The operations that ask models only, and the models that stand in for those that are not at hand."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import numpy as np
import pytest

from quiverdb.embed import Bm25, HashingEmbedder, register, unregister
from quiverdb.engine.database import EngineDatabase
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service import vectorize
from quiverdb.vikingdb.service.layout import Vectorizer
from quiverdb.vikingdb.service.service import Service
from quiverdb.vikingdb.service.vectorize import dense, dim_of, sparse, sparse_vector

TEXTS = ["The sky is blue", "Das Meer ist tief", "天很蓝。"]


@pytest.fixture(scope="module")
def service() -> Service:
    return Service(EngineDatabase.open(":memory:"))


def ask(service: Service, operation: str, **payload: Any) -> dict[str, Any]:
    result: dict[str, Any] = service.call(operation, payload)["result"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def test_dense_and_sparse_vectors(service: Service) -> None:
    result = ask(
        service,
        "embedding",
        dense_model={"name": "doubao-embedding-large", "version": "240915", "dim": 1024},
        sparse_model={"name": "bge-m3", "version": "default"},
        data=[{"text": text} for text in TEXTS],
        project_name="default",
    )
    about = Vectorizer(model_name="doubao-embedding-large", dim=1024)
    assert np.array_equal(np.array([item["dense"] for item in result["data"]], "f4"), dense(about, TEXTS))
    assert [item["sparse"] for item in result["data"]] == sparse(Vectorizer(model_name="bge-m3"), TEXTS)
    assert result["token_usage"].keys() == {"bge-m3__default", "doubao-embedding-large__240915"}
    for used in result["token_usage"].values():
        assert used == {"prompt_tokens": 12, "completion_tokens": 0, "image_tokens": 0, "total_tokens": 12}


def test_the_guides_sequence(service: Service) -> None:
    result = ask(
        service,
        "embedding",
        dense_model={"name": "doubao-embedding-vision", "version": "250615"},
        sparse_model={"name": "bge-m3"},
        data=[{"full_modal_seq": [{"text": "one"}, {"text": "two"}]}],
    )
    assert len(result["data"]) == 1
    assert len(result["data"][0]["dense"]) == 2048
    assert result["data"][0]["sparse"].keys() == {"one", "two"}


def test_one_kind_of_vectors_alone(service: Service) -> None:
    for kind in ("dense", "sparse"):
        result = ask(service, "embedding", **{f"{kind}_model": {"name": "bge-m3"}}, data=[{"text": "sky"}])
        assert result["data"][0].keys() == {kind}


def test_instructions_go_before_the_text(service: Service) -> None:
    model = {"name": "bge-large-zh", "instruction": {"content": "sky: "}}
    result = ask(service, "embedding", dense_model=model, data=[{"text": "blue"}])
    [made] = dense(Vectorizer(model_name="bge-large-zh"), ["sky: blue"])
    assert result["data"][0]["dense"] == [float(str(number)) for number in made]


def test_ten_texts_are_the_most(service: Service) -> None:
    model = {"name": "bge-m3"}
    assert len(ask(service, "embedding", sparse_model=model, data=[{"text": "a sky"}] * 10)["data"]) == 10
    with pytest.raises(VikingException, match="at most 10"):
        ask(service, "embedding", sparse_model=model, data=[{"text": "a"}] * 11)


M3, ZH = {"name": "bge-m3"}, {"name": "bge-large-zh"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"data": [{"text": "a"}]}, "dense_model, sparse_model or tensor_model is missing"),
        ({"dense_model": M3}, "data is missing"),
        ({"dense_model": M3, "data": []}, "at least 1 element"),
        ({"dense_model": M3, "data": ["a"]}, r"data\[0\] must be an object"),
        ({"dense_model": M3, "data": [{}]}, r"data\[0\].text is missing"),
        ({"dense_model": M3, "data": [{"text": ""}]}, "must not be empty"),
        ({"dense_model": M3, "data": [{"words": "a"}]}, "no key 'words'"),
        ({"dense_model": M3, "data": [{"image": "tos://a/b"}]}, "no model at hand"),
        ({"dense_model": M3, "data": [{"full_modal_seq": [{"video": {"value": "tos://a/b"}}]}]}, "no model at hand"),
        ({"dense_model": M3, "data": [{"full_modal_seq": []}]}, "at least 1 element"),
        ({"dense_model": M3, "data": [{"full_modal_seq": [{"text": "a"}]}, {"text": "b"}]}, "one element"),
        ({"dense_model": M3, "data": [{"full_modal_seq": [{"text": "a"}], "text": "b"}]}, "nothing but full_modal_seq"),
        ({"dense_model": "bge-m3", "data": [{"text": "a"}]}, "dense_model must be an object"),
        ({"dense_model": {}, "data": [{"text": "a"}]}, "dense_model.name is missing"),
        ({"dense_model": {"name": "unheard"}, "data": [{"text": "a"}]}, "'unheard' is not known"),
        ({"dense_model": M3 | {"dim": 512}, "data": [{"text": "a"}]}, "vectors of 1024 components, not of 512"),
        ({"dense_model": M3 | {"dim": "x"}, "data": [{"text": "a"}]}, "dim must be an integer"),
        ({"dense_model": M3 | {"shape": [2]}, "data": [{"text": "a"}]}, "no key 'shape'"),
        ({"dense_model": M3 | {"instruction": {"content": "x"}}, "data": [{"text": "a"}]}, "takes no instruction"),
        ({"dense_model": ZH | {"instruction": {"content": ""}}, "data": [{"text": "a"}]}, "must not be empty"),
        ({"sparse_model": {"name": "bge-large-zh"}, "data": [{"text": "a"}]}, "makes no sparse vectors"),
        ({"tensor_model": {"name": "doubao-embedding-vision"}, "data": [{"text": "a"}]}, "makes tensors here"),
        ({"model": M3, "data": [{"text": "a"}]}, "no key 'model'"),
    ],
)  # fmt: skip
def test_wrong_requests_for_vectors(service: Service, payload: dict[str, Any], message: str) -> None:
    with pytest.raises(VikingException, match=message) as raised:
        service.call("embedding", payload)
    assert raised.value.status_code == 400


def test_texts_are_ranked_by_how_they_fit(service: Service) -> None:
    sequences = [[{"text": text}] for text in ("matrix algebra", "a glass of red wine", "red wine")]
    result = ask(
        service,
        "rerank",
        model_name="doubao-seed-rerank",
        model_version="251028",
        query=[{"text": "red wine"}],
        data=sequences,
        return_origin_data=True,
    )
    assert [item["id"] for item in result["data"]] == [2, 1, 0]
    assert result["data"][0]["score"] == pytest.approx(1.0)
    assert all(0 <= item["score"] <= 1 for item in result["data"])
    assert [item["origin_data"] for item in result["data"]] == [sequences[2], sequences[1], sequences[0]]
    assert result["token_usage"].keys() == {"doubao-seed-rerank__251028"}
    again = ask(service, "rerank", model_name="doubao-seed-rerank", query=[{"text": "red wine"}], data=sequences)
    assert [{key: item[key] for key in ("id", "score")} for item in result["data"]] == again["data"]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"query": [{"text": "a"}], "data": [[{"text": "b"}]]}, "model_name is missing"),
        ({"model_name": "m", "data": [[{"text": "b"}]]}, "query is missing"),
        ({"model_name": "m", "query": [{"text": "a"}]}, "data is missing"),
        ({"model_name": "m", "query": "a", "data": [[{"text": "b"}]]}, "query must be a list"),
        ({"model_name": "m", "query": [{"text": "a"}], "data": [{"text": "b"}]}, r"data\[0\] must be a list"),
        ({"model_name": "m", "query": [{"text": "a"}], "data": []}, "at least 1 element"),
        ({"model_name": "m", "query": [{"text": "a"}], "data": [[{"image": "tos://a/b"}]]}, "no model at hand"),
        ({"model_name": "m", "query": [{"text": "a"}], "data": [[{"text": "b"}]], "top": 1}, "no key 'top'"),
    ],
)
def test_wrong_rerankings(service: Service, payload: dict[str, Any], message: str) -> None:
    with pytest.raises(VikingException, match=message) as raised:
        service.call("rerank", payload)
    assert raised.value.status_code == 400


@pytest.mark.parametrize(
    ("name", "version", "dim", "made"),
    [
        ("bge-m3", None, None, 1024),
        ("bge-large-zh", None, 1024, 1024),
        ("doubao-embedding", "240715", None, 2048),
        ("doubao-embedding", "240715", 512, 512),
        ("doubao-embedding-large", "240915", 4096, 4096),
        ("doubao-embedding-vision", "250615", 1024, 1024),
        ("doubao-embedding-vision", "299999", None, 2048),
        ("quiverdb/hashing", None, None, 256),
        ("any-model", None, 16, 16),
    ],
)
def test_models_and_their_sizes(name: str, version: str | None, dim: int | None, made: int) -> None:
    about = Vectorizer(model_name=name, model_version=version, dim=dim)
    assert dim_of(about) == made
    vectors = dense(about, ["one text", "one text", "another one"])
    assert vectors.shape == (3, made)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    assert dense(about, []).shape == (0, made)


@pytest.mark.parametrize(
    ("name", "dim"), [("bge-m3", 512), ("doubao-embedding", 4096), ("any-model", None), ("any-model", 6), ("x", 4100)]
)
def test_sizes_that_models_do_not_make(name: str, dim: int | None) -> None:
    with pytest.raises(VikingException) as raised:
        dim_of(Vectorizer(model_name=name, dim=dim))
    assert raised.value.code == "InvalidParameter"


def test_sparse_weights_follow_bm25() -> None:
    [weights] = sparse(Vectorizer(model_name="bge-m3"), ["wine and wine, red"])
    held = 1.2 * (1 - 0.75 + 0.75 * 3 / 256)
    assert weights == pytest.approx({"wine": 2 * 2.2 / (2 + held), "red": 2.2 / (1 + held)})
    vector = sparse_vector(weights)
    assert sorted(vector.values.tolist()) == pytest.approx(sorted(weights.values()))
    assert vector.indices.tolist() == sorted(set(vector.indices.tolist()))
    assert math.isclose(sparse_vector({"a": 1.0}).values[0], 1.0)


def test_registered_models_make_the_vectors() -> None:
    class Queries(HashingEmbedder, frozen=True):
        def embed_queries(self, texts: list[str]) -> np.ndarray:
            return self.embed([f"query {text}" for text in texts])

    register("test/queries", lambda: Queries(8))
    register("test/sparse", Bm25, family="sparse")
    try:
        about = Vectorizer(model_name="test/queries")
        assert dim_of(about) == 8
        assert np.array_equal(dense(about, ["a sky"], "query"), dense(about, ["query a sky"]))
        [weights] = sparse(Vectorizer(model_name="test/sparse"), ["red wine"])
        made = Bm25().embed_documents(["red wine"])[0]
        assert weights == {
            str(index): float(str(value)) for index, value in zip(made.indices, made.values, strict=True)
        }
        with pytest.raises(VikingException, match="did not make vectors of 16 components"):
            dense(Vectorizer(model_name="test/queries", dim=16), ["a sky"])
    finally:
        unregister("test/queries")
        unregister("test/sparse")


def test_the_log_tells_once_that_a_model_is_not_at_hand(caplog: pytest.LogCaptureFixture) -> None:
    vectorize._told.discard("bge-visualized-m3")
    with caplog.at_level(logging.WARNING, "quiverdb"):
        for _ in range(3):
            dense(Vectorizer(model_name="bge-visualized-m3"), ["a"])
    assert [record.name for record in caplog.records] == ["quiverdb"]
    assert "bge-visualized-m3" in caplog.text
    assert "register" in caplog.text
