"""``quiverdb query``: one search, asked from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from quiverdb.cli.render import duration, hits_table, new_console
from quiverdb.embed import Bm25, HashingEmbedder
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.request.parse import parse

__all__ = ["Question", "show_answer"]

_CANDIDATES = 50
_COLUMNS = 5


class Question(msgspec.Struct, frozen=True):
    """Hold the options of the command as they were given."""

    text: str | None
    vector: str | None
    id: str | None
    filter: str | None
    limit: int
    using: str | None


def show_answer(client: QdrantClient, collection: str, question: Question) -> None:
    """Ask, and print the points as a table."""
    if sum(given is not None for given in (question.text, question.vector, question.id)) > 1:
        raise InvalidInputError("give only one of --text, --vector and --id")
    arguments: dict[str, Any] = {"using": question.using or _only_dense(client, collection)}
    if question.text is not None:
        arguments |= _by_text(client, collection, question.text, question.using, question.limit)
    elif question.vector is not None:
        arguments["query"] = _vector(question.vector)
    elif question.id is not None:
        arguments["query"] = int(question.id) if question.id.isdecimal() else question.id
    condition = _condition(question.filter)
    start = time.perf_counter()
    answer = client.query_points(
        collection, query_filter=condition, limit=question.limit, with_payload=True, **arguments
    )
    taken = duration(time.perf_counter() - start)
    keys = list(dict.fromkeys(key for point in answer.points for key in point.payload or {}))[:_COLUMNS]
    counted = "1 point" if len(answer.points) == 1 else f"{len(answer.points)} points"
    new_console().print(hits_table(f"{collection}: {counted} ({taken})", answer.points, keys, show_ids=True))


def _only_dense(client: QdrantClient, collection: str) -> str | None:
    """Return the name of the only dense vector, if there is just one and it has a name."""
    dense = client.get_collection(collection).config.params.vectors
    return next(iter(dense)) if isinstance(dense, Mapping) and len(dense) == 1 else None


def _by_text(client: QdrantClient, collection: str, text: str, using: str | None, limit: int) -> dict[str, Any]:
    """Search the named vector, or the only one, or all of them and fuse the ranks."""
    params = client.get_collection(collection).config.params
    dense = params.vectors or {}
    dense = dense if isinstance(dense, Mapping) else {"": dense}
    embedded: dict[str, Any] = {
        name: HashingEmbedder(vector.size).embed([text])[0].tolist()
        for name, vector in dense.items()
        if vector.multivector_config is None
    }
    terms = Bm25().embed_queries([text])[0]
    sparse = models.SparseVector(indices=terms.indices.tolist(), values=terms.values.tolist())
    embedded |= dict.fromkeys(params.sparse_vectors or {}, sparse)
    if using is not None:
        if using not in embedded:
            raise InvalidInputError(f"there is no vector {using!r} in {collection!r}: it has {sorted(embedded)}")
        return {"query": embedded[using]}
    if not embedded:
        raise InvalidInputError(f"{collection!r} has no vectors to search by")
    if len(embedded) == 1:
        name, vector = next(iter(embedded.items()))
        return {"query": vector, "using": name or None}
    prefetch = [
        models.Prefetch(query=vector, using=name or None, limit=max(_CANDIDATES, limit))
        for name, vector in embedded.items()
    ]
    return {"using": None, "prefetch": prefetch, "query": models.FusionQuery(fusion=models.Fusion.RRF)}


def _vector(text: str) -> Any:
    value = _json(text, "vector")
    if isinstance(value, Mapping):
        return parse("SparseVector", value)
    if not isinstance(value, list) or not value:
        raise InvalidInputError("--vector must be a list of numbers, or an object with indices and values")
    return value


def _condition(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    condition = _json(text, "filter")
    if not isinstance(condition, dict):
        raise InvalidInputError('--filter must be a JSON object, such as {"must": []}', field="filter")
    return condition


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"--{option} is not JSON: {error}", field=option) from error
