"""A Cosdata collection as plain dicts, and what searches must find in it, written down from the formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from quiverdb.cosdata.service.text import tokens_of

State = Mapping[str, Mapping[str, Any]]
"""The vectors of a state by id, as they were given."""

METRICS: dict[str, Callable[[Any, Any], float]] = {
    "cosine": lambda a, b: float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30)),
    "dot_product": lambda a, b: float(a @ b),
    "euclidean": lambda a, b: float(np.linalg.norm(a - b)),
    "hamming": lambda a, b: float(np.sum((a > 0) != (b > 0))),
}
SMALLER_IS_NEARER = {"euclidean", "hamming"}


class Collection:
    """Write to a collection by Cosdata's operations, and remember what it holds now and held at versions."""

    def __init__(self, call: Callable[[str, dict[str, Any]], Any], name: str, dimension: int, **options: Any) -> None:
        self._call = call
        self.name = name
        self.present: dict[str, dict[str, Any]] = {}
        self.versions: dict[int, dict[str, dict[str, Any]]] = {}
        call(
            "create_collection",
            {
                "name": name,
                "dense_vector": {"enabled": True, "dimension": dimension},
                "sparse_vector": {"enabled": True},
                "tf_idf_options": {"enabled": True},
                **options,
            },
        )

    def ask(self, operation: str, **arguments: Any) -> Any:
        return self._call(operation, {"collection": self.name, **arguments})

    def index_dense(self, metric: str = "cosine", data_type: str | None = None, **parameters: int) -> None:
        scalar = {"type": "scalar", "properties": {"data_type": data_type, "range": {"min": -1.0, "max": 1.0}}}
        auto = {"type": "auto", "properties": {"sample_threshold": 100}}
        self.ask(
            "create_dense_index",
            name="dense",
            distance_metric_type=metric,
            quantization=scalar if data_type else auto,
            index={"type": "hnsw", "properties": parameters},
        )

    def index_sparse(self) -> None:
        self.ask("create_sparse_index", name="sparse", quantization=64, sample_threshold=1000)

    def index_text(self, k1: float = 1.2, b: float = 0.75) -> None:
        self.ask("create_tf_idf_index", name="text", sample_threshold=1000, k1=k1, b=b)

    def index_all(self, metric: str = "cosine") -> None:
        self.index_dense(metric)
        self.index_sparse()
        self.index_text()

    def upsert(self, *vectors: dict[str, Any]) -> None:
        self.ask("stream_upsert", vectors=list(vectors))
        for vector in vectors:
            self.present[str(vector["id"])] = vector

    def delete(self, id: str) -> None:
        self.ask("stream_delete", id=id)
        self.present.pop(id, None)

    def mark(self) -> int:
        """Create a version of the present state and return its number."""
        number: int = self.ask("create_version")["version_number"]
        self.versions[number] = dict(self.present)
        return number

    def switch(self, number: int) -> None:
        """Make a version the present state again."""
        self.ask("set_current_version", version=number)
        self.present = dict(self.versions[number])

    def forget(self, number: int) -> None:
        """Delete a version."""
        self.ask("delete_version", version=number)
        del self.versions[number]

    def states(self) -> list[tuple[dict[str, Any], State]]:
        """Return what a search asks for and the state that it must see, for the present and for all versions."""
        return [({}, self.present), *(({"version": number}, state) for number, state in self.versions.items())]


Scores = dict[str, float]


def dense_scores(state: State, metric: str, query: Any, passes: Callable[[Any], bool] = lambda _: True) -> Scores:
    compare = METRICS[metric]
    return {
        id: compare(np.asarray(vector["dense_values"], np.float32), np.asarray(query, np.float32))
        for id, vector in state.items()
        if "dense_values" in vector and passes(vector.get("metadata", {}))
    }


def sparse_scores(state: State, terms: Mapping[int, float]) -> Scores:
    scores = {}
    for id, vector in state.items():
        mine = dict(zip(vector.get("sparse_indices", ()), vector.get("sparse_values", ()), strict=True))
        if shared := mine.keys() & terms.keys():
            scores[id] = float(sum(mine[index] * terms[index] for index in shared))
    return scores


def text_scores(state: State, query: str, k1: float = 1.2, b: float = 0.75) -> Scores:
    """BM25, as Robertson and Zaragoza write it, with the inverse document frequency that is never negative."""
    texts = {id: tokens_of(vector["text"]) for id, vector in state.items() if "text" in vector}
    texts = {id: tokens for id, tokens in texts.items() if tokens}
    average = sum(map(len, texts.values())) / max(len(texts), 1)
    scores: Scores = {}
    for token in set(tokens_of(query)):
        having = {id: tokens.count(token) for id, tokens in texts.items() if token in tokens}
        idf = math.log(1 + (len(texts) - len(having) + 0.5) / (len(having) + 0.5))
        for id, count in having.items():
            norm = 1 - b + b * len(texts[id]) / average
            scores[id] = scores.get(id, 0.0) + idf * count * (k1 + 1) / (count + k1 * norm)
    return scores


def best(scores: Scores, top_k: int, *, smaller: bool = False) -> list[tuple[str, float]]:
    """Rank scores, equal ones by id."""
    sign = 1 if smaller else -1
    return sorted(scores.items(), key=lambda pair: (sign * pair[1], pair[0]))[:top_k]


def fused(rankings: Iterable[Iterable[str]], constant: float) -> Scores:
    scores: Scores = {}
    for ranking in rankings:
        for rank, id in enumerate(ranking):
            scores[id] = scores.get(id, 0.0) + 1 / (rank + constant)
    return scores


def assert_found(results: list[dict[str, Any]], scores: Scores, top_k: int, *, smaller: bool = False) -> None:
    """Results have their exact scores, are the best ones, and are in order, equal scores by id.

    Which of several equal scores make the end of a full list is left open.
    """
    sign = 1 if smaller else -1
    got = [(result["id"], result["score"]) for result in results]
    assert [type(score) for _, score in got] == [float] * len(got)
    assert len(dict(got)) == len(got) == min(top_k, len(scores)), (got, scores)
    assert got == sorted(got, key=lambda pair: (sign * pair[1], pair[0]))
    np.testing.assert_allclose([score for _, score in got], [scores[id] for id, _ in got], rtol=2e-5, atol=2e-5)
    expected = [score for _, score in best(scores, top_k, smaller=smaller)]
    np.testing.assert_allclose([score for _, score in got], expected, rtol=2e-5, atol=2e-5)
