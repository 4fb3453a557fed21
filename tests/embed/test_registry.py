"""Models by name: registered ones, and those of fastembed, whose place a stand-in takes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import fake_fastembed
import numpy as np
import pytest

from quiverdb.embed import Bm25, HashingEmbedder, embed, model_infos, register, unregister
from quiverdb.embed.bm25 import bm25_analyzer
from quiverdb.embed.registry import families, load
from quiverdb.errors import InvalidInputError, MissingLibraryError
from quiverdb.model.point import SparseVector


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setitem(sys.modules, "fastembed", fake_fastembed.module())
    fake_fastembed.CALLS.clear()
    fake_fastembed.LOADED.clear()
    yield fake_fastembed
    for name in ("fake/text", "fake/both", "fake/splade", "fake/colbert", "fake/image", "fake/colpali"):
        unregister(name)  # loaded models are kept by name


def test_a_registered_model_is_loaded_once_per_options() -> None:
    made: list[dict[str, Any]] = []

    def make(**options: Any) -> HashingEmbedder:
        made.append(options)
        return HashingEmbedder(**options)

    register("test/counted", make)
    try:
        for options in ({"size": 3}, {"size": 3}, {"size": 4}, None, {}):
            embed("TEST/counted", "query", ["a"], options)
        assert made == [{"size": 3}, {"size": 4}, {}]
        register("test/counted", make)
        embed("test/counted", "document", ["a"], {"size": 3})
        assert len(made) == 4
    finally:
        unregister("test/counted")
    assert families("test/counted") == set()


def test_threads_share_one_loading() -> None:
    made: list[int] = []
    register("test/slow", lambda: made.append(1) or HashingEmbedder(4))
    try:
        threads = [threading.Thread(target=embed, args=("test/slow", "query", ["a"])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        unregister("test/slow")
    assert made == [1]


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_batches_change_nothing(batch_size: int) -> None:
    texts = ["one", "two three", "", "four"]
    rows = embed("quiverdb/hashing", "document", texts, {"size": 8}, batch_size=batch_size)
    assert np.array_equal(np.stack(rows), HashingEmbedder(8).embed(texts))
    assert embed("quiverdb/hashing", "document", []) == []


def test_bm25_takes_its_options_by_name() -> None:
    (got,) = embed("BM25", "document", ["running foxes"], {"k": 2.0, "language": "en", "stemmer": "none"})
    (expected,) = Bm25(bm25_analyzer("english", stemmer="none"), k=2.0).embed_documents(["running foxes"])
    assert isinstance(got, SparseVector)
    assert got.indices.tolist() == expected.indices.tolist()
    assert got.values.tolist() == expected.values.tolist()


class Short:
    def embed(self, texts: Any) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("make", "kind", "complaint"),
    [
        (Short, "query", "made 0 vectors of 1 texts"),
        (Short, "image", "does not embed pictures"),
        (lambda: 1 / 0, "query", "cannot be loaded: division by zero"),
        (lambda: object(), "document", "does not embed texts"),
    ],
)
def test_bad_models_are_told(make: Any, kind: Any, complaint: str) -> None:
    register("test/bad", make)
    try:
        with pytest.raises(InvalidInputError, match=f"'test/bad' {complaint}"):
            embed("test/bad", kind, ["a"])
    finally:
        unregister("test/bad")


def test_a_name_is_needed() -> None:
    with pytest.raises(InvalidInputError, match="name"):
        register("", HashingEmbedder)


def test_without_the_library_its_models_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(MissingLibraryError, match="'Fake/text' needs fastembed"):
        load("Fake/text")
    assert list(model_infos("text")) == ["quiverdb/hashing"]


@pytest.mark.parametrize(
    ("name", "kind", "call", "expected"),
    [
        ("Fake/text", "document", ("TextEmbedding", "embed"), [3.0] * 4),
        ("fake/TEXT", "query", ("TextEmbedding", "query_embed"), [3.5] * 4),
        ("Fake/both", "document", ("TextEmbedding", "embed"), [3.0] * 4),
        ("Fake/both", "image", ("ImageEmbedding", "embed"), [3.0] * 4),
        ("Fake/image", "image", ("ImageEmbedding", "embed"), [3.0] * 4),
        ("Fake/colbert", "query", ("LateInteractionTextEmbedding", "query_embed"), [[3.5] * 4] * 2),
        ("Fake/colpali", "document", ("LateInteractionMultimodalEmbedding", "embed_text"), [[3.0] * 4] * 3),
        ("Fake/colpali", "query", ("LateInteractionMultimodalEmbedding", "embed_text"), [[3.0] * 4] * 3),
        ("Fake/colpali", "image", ("LateInteractionMultimodalEmbedding", "embed_image"), [[3.0] * 4] * 3),
    ],
)
def test_models_of_the_library(library: Any, name: str, kind: Any, call: tuple[str, str], expected: list[Any]) -> None:
    made = embed(name, kind, ["abc"] * 5, {"threads": 1}, batch_size=3)
    assert [vector.tolist() for vector in made] == [expected] * 5
    assert {vector.dtype for vector in made} == {np.dtype(np.float32)}
    assert [(*call, 3), (*call, 2)] == library.CALLS
    assert [options["threads"] for _, options in library.LOADED] == [1]


def test_sparse_models_of_the_library(library: Any) -> None:
    (vector,) = embed("Fake/splade", "query", ["abc"])
    assert vector.indices.tolist() == [3, 7]
    assert vector.values.tolist() == [1.0, 3.5]


@pytest.mark.parametrize(
    ("name", "kind", "options", "complaint"),
    [
        ("Fake/text", "image", {}, "does not embed pictures"),
        ("Fake/image", "document", {}, "does not embed texts"),
        ("Fake/nothing", "document", {}, "is not known"),
        ("Fake/text", "document", {"cache_dir": "missing"}, "cannot be loaded: Could not load"),
    ],
)
def test_what_the_library_lacks_is_told(library: Any, name: str, kind: Any, options: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        embed(name, kind, ["a"], options)


def test_all_models_are_listed(library: Any) -> None:
    assert {name: info.size for name, info in model_infos("text").items()} == {
        "quiverdb/hashing": 256, "Fake/text": 4, "Fake/both": 4,
    }  # fmt: skip
    assert list(model_infos("sparse")) == ["Qdrant/bm25", "bm25", "Fake/splade", "Fake/bm42"]
    assert model_infos("sparse")["Fake/bm42"].description == {"description": "fake", "requires_idf": True}
    assert families("fake/both") == {"text", "image"}
