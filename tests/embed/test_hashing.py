from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np
import pytest

from quiverdb.embed import HashingEmbedder
from quiverdb.errors import InvalidInputError

TOPICS = [
    ["Open a file and read its lines", "Read lines from an open file", "Write lines to files that are open"],
    ["Solve linear equations with a matrix", "Matrix of linear equations", "Linear solvers for sparse matrices"],
    ["Send an HTTP request to a server", "The server answers HTTP requests", "Requests sent over HTTP to servers"],
    ["Parse dates and times with time zones", "Time zone of a parsed date", "Dates, times and zones: parsing"],
]


def test_rows_are_unit_vectors_in_float32() -> None:
    rows = HashingEmbedder(size=64).embed([text for topic in TOPICS for text in topic])
    assert rows.dtype == np.float32
    assert rows.shape == (12, 64)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(12), abs=1e-6)


def test_texts_without_words_become_zero_vectors() -> None:
    rows = HashingEmbedder().embed(["", "a word", " ... "])
    assert rows.any(axis=1).tolist() == [False, True, False]
    assert HashingEmbedder().embed([]).shape == (0, 256)


def test_every_text_is_nearest_to_one_of_its_topic() -> None:
    rows = HashingEmbedder().embed([text for topic in TOPICS for text in topic])
    scores = rows @ rows.T
    np.fill_diagonal(scores, -1)
    assert (scores.argmax(axis=1) // 3).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_misspellings_and_forms_of_a_word_stay_close() -> None:
    a, misspelt, form, other = HashingEmbedder().embed(["compression", "compresion", "compressed", "television"])
    assert a @ misspelt > 0.3
    assert a @ form > 0.2
    assert a @ form > a @ other + 0.1


def test_order_of_words_and_size_of_the_batch_do_not_matter() -> None:
    texts = [f"text number {i} about vector {i % 7}" for i in range(1100)]
    embedder = HashingEmbedder()
    assert np.allclose(embedder.embed(texts)[700], embedder.embed(["about vector 0 text number 700"])[0], atol=1e-6)


def test_vectors_are_the_same_in_every_process() -> None:
    program = "from quiverdb.embed import HashingEmbedder as H; print(H(32).embed(['déjà vu, again'])[0].tolist())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{HashingEmbedder(32).embed(['deja vu, again'])[0].tolist()}\n"}


def test_thousands_of_texts_take_a_second() -> None:
    texts = [f"document {i} tells of topic{i % 90} and of subject{i % 41} in a few words" for i in range(3000)]
    start = perf_counter()
    HashingEmbedder().embed(texts)
    assert perf_counter() - start < 3  # 0.1 s on an idle core


def test_a_size_must_be_positive() -> None:
    with pytest.raises(InvalidInputError):
        HashingEmbedder(size=0)
