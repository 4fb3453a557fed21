"""Rerank: rows that were found are scored anew, by a model that compares texts, or by the tensors that they hold.

A model that is registered in ``quiverdb.embed`` under the name of a reranking model compares texts by the cosine of
their vectors; where there is none, the built-in embedder, which compares words, stands in and the log says so. Scores
of models lie between 0 and 1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from quiverdb.errors import QuiverError
from quiverdb.model.point import FloatArray
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.asked import Asked
from quiverdb.vikingdb.service.candidates import Candidate, best_first
from quiverdb.vikingdb.service.layout import Schema, Vectorizer
from quiverdb.vikingdb.service.reading import (
    check_keys,
    choice,
    integer,
    invalid,
    listing,
    mapping,
    missing,
    number,
    text,
    vector,
)
from quiverdb.vikingdb.service.vectorize import at_hand, dense, usage

__all__ = ["Report", "Rerank", "max_similarity", "read_reranks", "relevance"]

_MOST_TENSORS = 1000
_MOST_TEXTS = 100
_SIZE = 1024
"""A size that the vectors of every model of the service can have."""


class Report(msgspec.Struct, frozen=True):
    """Hold what is told of a reranking: which models were used, and why it failed if it did."""

    used: Mapping[str, Mapping[str, int]] = {}
    error: str | None = None


class _ByTensors(msgspec.Struct, frozen=True, eq=False):
    """Score rows by the tensor that they hold in a field."""

    tensor: FloatArray
    field: str
    input_limit: int

    def __call__(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], Report]:
        kept = [one for one in candidates if one.payload.get(self.field)]
        for one in kept:
            one.score = max_similarity(self.tensor, np.array(one.payload[self.field], np.float32))
        return best_first(kept), Report()


class _ByModel(msgspec.Struct, frozen=True):
    """Score rows by how well the text of a field fits a query."""

    model: str
    version: str
    query: str
    field: str
    input_limit: int
    threshold: float = 0.0
    fallback: bool = True
    timeout_ms: int | None = None

    def __call__(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], Report]:
        texts = [str(one.payload.get(self.field) or "") for one in candidates]
        try:
            scores = self._scores(texts)
        except QuiverError as error:
            if not self.fallback:
                raise
            return list(candidates), Report(error=str(error))
        for one, score in zip(candidates, scores, strict=True):
            one.score = score
        kept = best_first(one for one in candidates if one.score >= self.threshold)
        return kept, Report(usage([(self.model, self.version)], [self.query, *texts]))

    def _scores(self, texts: Sequence[str]) -> list[float]:
        began = time.monotonic()
        scores = relevance(self.model, self.query, texts)
        if self.timeout_ms is not None and (time.monotonic() - began) * 1000 > self.timeout_ms:
            raise invalid(f"the model {self.model!r} took longer than {self.timeout_ms} ms")
        return scores


Rerank: TypeAlias = _ByTensors | _ByModel


def read_reranks(schema: Schema, payload: Payload, asked: Asked, query: str | None = None) -> tuple[Rerank, ...]:
    """Return the rerankings that a search asks for; ``query`` is the text searched for, if it is one."""
    found: list[Rerank] = []
    if payload.get("tensor_rerank") is not None:
        found.append(_tensor_rerank(schema, mapping(payload["tensor_rerank"], "tensor_rerank"), query))
    if payload.get("rerank") is not None:
        found.append(_model_rerank(schema, mapping(payload["rerank"], "rerank"), asked, query or ""))
    return tuple(found)


def relevance(model: str, query: str, texts: Sequence[str]) -> list[float]:
    """Return how well each text fits the query.

    >>> first, second = relevance("any-rerank", "red wine", ["a glass of red wine", "matrix algebra"])
    >>> first > second
    True
    """
    if not texts:
        return []
    vectorizer = Vectorizer(model_name=model, dim=None if at_hand(model) else _SIZE)
    [asked], given = dense(vectorizer, [query], "query"), dense(vectorizer, texts)
    lengths = np.linalg.norm(given, axis=1) * np.linalg.norm(asked)
    cosines = np.divide(given @ asked, lengths, out=np.zeros(len(texts), np.float32), where=lengths > 0)
    return [float(score) for score in np.clip((1 + cosines.astype(np.float64)) / 2, 0, 1)]


def max_similarity(query: FloatArray, stored: FloatArray) -> float:
    """Return the sum, over the rows of the query, of the largest inner product with a row of the other.

    >>> max_similarity(np.eye(2, dtype="f4"), np.array([[0.5, 2], [1, 1]], "f4"))
    3.0
    """
    return float((query.astype(np.float64) @ stored.astype(np.float64).T).max(axis=1).sum())


def _tensor_rerank(schema: Schema, given: Mapping[str, Any], query: str | None) -> _ByTensors:
    given = {key: value for key, value in given.items() if value is not None}
    check_keys(given, ("tensor", "input_limit", "max_similarity_algo"), "tensor_rerank")
    if query is not None:
        raise invalid("tensor_rerank: no model at hand makes a tensor of the text; search_by_vector takes one")
    input_limit = integer(given.get("input_limit"), "tensor_rerank.input_limit", 1, _MOST_TENSORS)
    field = next((field for field in schema.fields if field.field_type == "tensor"), None)
    if field is None:
        raise invalid(f"tensor_rerank: the collection {schema.collection_name!r} has no field of type tensor")
    rows = listing(given.get("tensor"), "tensor_rerank.tensor", least=1)
    width = field.shape[-1] if field.shape else len(listing(rows[0], "tensor_rerank.tensor[0]"))
    read = [vector(row, f"tensor_rerank.tensor[{i}]", width) for i, row in enumerate(rows)]
    return _ByTensors(np.stack(read), field.field_name, input_limit)


def _model_rerank(schema: Schema, given: Mapping[str, Any], asked: Asked, query: str) -> _ByModel:
    given = {key: value for key, value in given.items() if value is not None}
    known = (
        "model_name", "model_version", "input_limit", "instruction", "score_threshold", "fail_strategy", "timeout_ms",
    )  # fmt: skip
    check_keys(given, known, "rerank")
    for name in ("model_name", "model_version"):
        if name not in given:
            raise missing(f"rerank.{name}")
    if "instruction" in given:
        text(given["instruction"], "rerank.instruction", empty=True)
    if asked.limit > _MOST_TEXTS:
        raise invalid(f"rerank: the limit of the search must be at most {_MOST_TEXTS}, got {asked.limit}")
    if schema.dense is None or schema.dense.text_field is None:
        raise invalid(f"rerank: the collection {schema.collection_name!r} has no text field that is vectorized")
    strategy = choice(given.get("fail_strategy", "fallback"), "rerank.fail_strategy", ("fallback", "fail_fast"))
    timeout = given.get("timeout_ms")
    return _ByModel(
        text(given["model_name"], "rerank.model_name"),
        text(given["model_version"], "rerank.model_version"),
        query,
        schema.dense.text_field,
        integer(given.get("input_limit", asked.limit), "rerank.input_limit", asked.limit, _MOST_TEXTS),
        number(given.get("score_threshold", 0.0), "rerank.score_threshold"),
        strategy == "fallback",
        None if timeout is None else integer(timeout, "rerank.timeout_ms", 1),
    )
