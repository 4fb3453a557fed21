"""Searches, by operation.

A search answers ``{"results": [...]}``, a batch ``{"responses": [{"results": [...]}, ...]}``; a result is ``{"id",
"document_id", "score", "text"}``. Queries of a batch go to the database together.

Scores follow the metric of the index: similarities for ``cosine`` and ``dot_product``, largest first; distances for
``euclidean`` and ``hamming`` (the number of components that differ in sign), smallest first. Scores of sparse vectors
and of texts are exact, so ``early_terminate_threshold`` is checked and has no effect. Hybrid searches fuse rankings
that are three times as deep as the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from quiverdb.cosdata.errors import NotFoundError
from quiverdb.cosdata.operations import OPERATIONS, Arguments
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.fusion import fused
from quiverdb.cosdata.service.layout import point_id
from quiverdb.cosdata.service.questions import (
    ALONE,
    BATCHES,
    Body,
    Search,
    dense_question,
    fields,
    flag,
    in_batch,
)
from quiverdb.cosdata.service.rankings import Result, ranked
from quiverdb.cosdata.service.reading import in_one_state, of_the_present
from quiverdb.cosdata.service.staging import read_id
from quiverdb.cosdata.service.state import State
from quiverdb.database import Database
from quiverdb.errors import NotFoundError as MissingError
from quiverdb.model.query import PointRef

__all__ = ["SEARCHES"]

_NEIGHBORS = 10


def _alone(operation: str, context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    body, read = _body(operation, arguments), ALONE[operation]
    [results] = _answered(context, state, body, lambda state: [read(state, body)])
    return {"results": results}


def _batch(operation: str, context: Context, state: State, arguments: Arguments) -> dict[str, Any]:
    body, batch = _body(operation, arguments), BATCHES[operation]
    answers = _answered(context, state, body, lambda state: in_batch(state, body, batch))
    return {"responses": [{"results": results} for results in answers]}


def _body(operation: str, arguments: Arguments) -> Body:
    return fields(arguments, ("collection", *OPERATIONS[operation].body))


def _answered(context: Context, state: State, body: Body, read: Callable[[State], list[Search]]) -> list[list[Result]]:
    """Answer searches about the present state, or about the version that the body names."""
    raw, version = flag(body, "return_raw_text"), body.get("version")
    consistent = of_the_present if version is None else in_one_state
    return consistent(
        context, state, lambda state: _results(context.database, state, read(state), state.at(version), raw=raw)
    )


def _results(
    database: Database, state: State, searches: list[Search], number: int | None, *, raw: bool
) -> list[list[Result]]:
    questions = [question for search in searches for question in search.questions]
    rankings = iter(ranked(database, state, questions, number, raw=raw))
    found = [[next(rankings) for _ in search.questions] for search in searches]
    return [
        some[0] if len(some) == 1 else fused(some, search.constant, search.top_k)
        for some, search in zip(found, searches, strict=True)
    ]


def _neighbors(context: Context, state: State, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the vectors nearest to one, itself left out."""
    id = read_id(required(fields(arguments, ("collection", "id")), "id"))

    def read(state: State) -> list[Result]:
        question = dense_question(state, PointRef(point_id(id)), _NEIGHBORS)
        return ranked(context.database, state, [question], None, raw=False)[0]

    try:
        results = of_the_present(context, state, read)
    except MissingError as error:
        if error.kind == "collection":
            raise
        raise NotFoundError(f"Vector Not Found! There is no '{id}' with dense values", status=400) from error
    return [{"id": result["id"], "score": result["score"]} for result in results]


SEARCHES: Mapping[str, Callable[[Context, State, Arguments], Any]] = {
    **{operation: partial(_alone, operation) for operation in ALONE},
    **{operation: partial(_batch, operation) for operation in BATCHES},
    "vector_neighbors": _neighbors,
}
