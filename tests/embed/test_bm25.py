from __future__ import annotations

import numpy as np
import pytest

from quiverdb.embed import Bm25
from quiverdb.embed.murmur import murmur3
from quiverdb.errors import InvalidInputError
from quiverdb.text import Analyzer

WORDS = Bm25(Analyzer())


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"a", 0x3C2569B2), (b"hello", 0x248BFA47), (b"hello, world", 0x149BBB7F)],
)
def test_murmur_has_the_published_values(data: bytes, expected: int) -> None:
    assert murmur3(data) == expected


def test_a_vector_has_ascending_indices_and_float32_values() -> None:
    vector = Bm25().embed_documents(["Vectors in a quiver, arrows in a vector database"])[0]
    assert vector.indices.dtype == np.uint32
    assert vector.values.dtype == np.float32
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()


def test_repetition_saturates() -> None:
    once, often = (WORDS.embed_documents([text])[0].values[0] for text in ("word", "word " * 50))
    assert once < often < 2.2


def test_a_term_weighs_less_in_a_longer_document() -> None:
    short, long = WORDS.embed_documents(["word", "word " + " ".join(f"filler{i}" for i in range(300))])
    index = short.indices[0]
    assert long.values[long.indices == index] < short.values


def test_a_query_weighs_each_term_once() -> None:
    vector = WORDS.embed_queries(["one two one"])[0]
    assert vector.values.tolist() == [1.0, 1.0]
    assert vector.indices.tolist() == WORDS.embed_documents(["two one"])[0].indices.tolist()


def test_a_text_without_terms_has_an_empty_vector() -> None:
    assert Bm25().embed_documents(["the ...", ""])[0].indices.tolist() == []
    assert Bm25().embed_queries([""])[0].values.tolist() == []


@pytest.mark.parametrize("wrong", [{"k": -0.1}, {"b": 1.1}, {"b": -0.1}, {"avg_len": 0.0}])
def test_parameters_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Bm25(**wrong)  # type: ignore[arg-type]
    assert caught.value.field == next(iter(wrong))
