"""The operations that search an index.

Each of them reads what is asked and says how rows are recalled; ``answered`` does the rest: recalled rows go through
post-processing, then reranking, and the best of them are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from quiverdb.model.filter import Filter, HasId
from quiverdb.model.point import FloatArray, SparseVector
from quiverdb.model.query import Query
from quiverdb.vikingdb.exceptions import failure
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.answer import Extras, answered
from quiverdb.vikingdb.service.asked import Asked, read_asked
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.filters import indexed_field
from quiverdb.vikingdb.service.keywords import KEYS, matching, read_keywords
from quiverdb.vikingdb.service.layout import RAW, SPARSE, Index, Schema, Vectorizer
from quiverdb.vikingdb.service.reading import (
    check_keys,
    choice,
    flag,
    invalid,
    listing,
    mapping,
    missing,
    sparse_weights,
    text,
    vector,
)
from quiverdb.vikingdb.service.recall import Recall, by_scalar, by_vectors, dense_side, random
from quiverdb.vikingdb.service.rerank import read_reranks
from quiverdb.vikingdb.service.rows import alive, dense_size, read_key, row_id
from quiverdb.vikingdb.service.state import LOCATORS, stored_name
from quiverdb.vikingdb.service.vectorize import dense, queried, sparse, sparse_vector, usage

__all__ = ["SEARCHES", "Search"]

Search: TypeAlias = Callable[[Context, Schema, Index, Payload], Mapping[str, Any]]

_MOST_SORTED = 1000
_MEDIA = ("image", "video")


def _by_vector(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    asked = read_asked(context, schema, index, payload, ("dense_vector", "sparse_vector", "tensor_rerank"))
    given, weights = payload.get("dense_vector"), payload.get("sparse_vector")
    if given is None and not weights:
        raise missing("dense_vector")
    recall = by_vectors(
        index,
        None if given is None else vector(given, "dense_vector", _dim(schema)),
        sparse_vector(sparse_weights(weights, "sparse_vector")) if weights else None,
        weight=asked.dense_weight,
        scale_k=asked.scale_k,
    )
    return answered(context, schema, asked, recall, Extras(reranks=read_reranks(schema, payload, asked)))


def _by_multi_modal(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    own = ("text", *_MEDIA, "need_instruction", "instruction", "tensor_rerank", "rerank")
    asked = read_asked(context, schema, index, payload, own)
    if schema.dense is None:
        raise invalid("search_by_multi_modal needs a collection with Vectorize; search_by_vector takes vectors")
    for media in _MEDIA:
        if payload.get(media) is not None:
            raise invalid(f"{media}: no model at hand makes vectors of it; search for text")
    if payload.get("text") is None:
        raise missing("text")
    asked_text = queried(schema.dense, text(payload["text"], "text"), fill=_fill(payload))
    reranks = read_reranks(schema, payload, asked, asked_text)
    recall = _by_text(schema, index, asked, asked_text)
    used = usage(_models(schema, index), [asked_text])
    return answered(context, schema, asked, recall, Extras(reranks, used, {"real_text_query": asked_text}))


def _by_id(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    asked = read_asked(context, schema, index, payload, ("id",))
    if payload.get("id") is None:
        raise missing("id")
    key = read_key(schema, payload["id"])
    names = (RAW, SPARSE) if index.vector_index.index_type == "hnsw_hybrid" else (RAW,)
    there = Filter(must=(HasId((row_id(schema, key),)), *_living(context, schema)))
    [hits] = context.database.query(stored_name(schema), [Query(filter=there, limit=1, with_vectors=names)])
    if not hits:
        raise failure("NotFound.VikingdbData", f"There is no row with the primary key {key!r}.")
    vectors = hits[0].vectors or {}
    raw, weights = vectors.get(RAW), vectors.get(SPARSE)
    recall = by_vectors(
        index,
        raw if isinstance(raw, np.ndarray) else None,
        weights if isinstance(weights, SparseVector) else None,
        weight=asked.dense_weight,
        scale_k=asked.scale_k,
    )
    return answered(context, schema, asked, recall)


def _by_scalar(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    asked = read_asked(context, schema, index, payload, ("field", "order"))
    field = indexed_field(schema, index, payload.get("field"), ("int64", "float32"), "field").field_name
    order = payload.get("order")
    direction = choice("desc" if order is None else order, "order", ("asc", "desc"))
    return answered(context, schema, asked, by_scalar(field, direction), Extras(looks_at=(field,)))


def _by_keywords(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    asked = read_asked(context, schema, index, payload, KEYS)
    keywords = read_keywords(schema, payload)
    shown = {"effective_keywords": {field: list(words) for field, words in keywords.words.items()}}
    if keywords.mode == "bm25":
        return answered(context, schema, asked, keywords.recall(), Extras(shown=shown, keywords=keywords))
    recall = matching(keywords, _by_text(schema, index, asked, keywords.text))
    used = usage(_models(schema, index), [keywords.text])
    return answered(context, schema, asked, recall, Extras(used=used, shown=shown, keywords=keywords))


def _by_chance(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    return answered(context, schema, read_asked(context, schema, index, payload, ()), random)


def _sort(context: Context, schema: Schema, index: Index, payload: Payload) -> Mapping[str, Any]:
    """Return the scores of some rows against a vector."""
    given = {key: value for key, value in payload.items() if value is not None}
    check_keys(given, LOCATORS | {"index_name", "ids", "query_vector"}, "the request")
    keys = listing(given.get("ids"), "ids", least=1, most=_MOST_SORTED)
    ids = {row_id(schema, key): read_key(schema, key) for key in keys}
    if "query_vector" not in given:
        raise missing("query_vector")
    side = dense_side(index, vector(given["query_vector"], "query_vector", _dim(schema)))
    among = Filter(must=(HasId(tuple(ids)), *_living(context, schema)))
    [hits] = context.database.query(stored_name(schema), [side.best(among, len(ids))])
    found = sorted(((side.shown(hit.score), hit.id) for hit in hits), key=lambda pair: (-pair[0], str(pair[1])))
    there = {hit.id for hit in hits}
    return {
        "sort": [{"id": ids[id], "score": score} for score, id in found],
        "ids_not_exist": [key for id, key in ids.items() if id not in there],
    }


def _by_text(schema: Schema, index: Index, asked: Asked, query: str) -> Recall:
    """Find rows by the vectors that the models of a collection make of a text."""
    makers = _makers(schema, index)
    weights = sparse(makers["sparse"], [query], "query")[0] if "sparse" in makers else {}
    return by_vectors(
        index,
        _dense_of(makers["dense"], query),
        sparse_vector(weights) if weights else None,
        weight=asked.dense_weight,
        scale_k=asked.scale_k,
    )


def _dense_of(vectorizer: Vectorizer, query: str) -> FloatArray:
    made: FloatArray = dense(vectorizer, [query], "query")[0]
    return made


def _makers(schema: Schema, index: Index) -> dict[str, Vectorizer]:
    """Return what makes vectors of the texts that an index is searched for."""
    found = {"dense": schema.dense}
    if index.vector_index.index_type == "hnsw_hybrid":
        found["sparse"] = schema.sparse
    return {kind: vectorizer for kind, vectorizer in found.items() if vectorizer is not None}


def _models(schema: Schema, index: Index) -> list[tuple[str, str | None]]:
    return [(maker.model_name, maker.model_version) for maker in _makers(schema, index).values()]


def _fill(payload: Payload) -> bool:
    """Return whether the text to search for goes after the instruction of the model."""
    instruction = payload.get("instruction")
    if instruction is None:
        needed = payload.get("need_instruction")
        return True if needed is None else flag(needed, "need_instruction")
    check_keys(mapping(instruction, "instruction"), ("auto_fill",), "instruction")
    return flag(instruction.get("auto_fill", True), "instruction.auto_fill")


def _living(context: Context, schema: Schema) -> tuple[Filter, ...]:
    living = alive(context, schema)
    return () if living is None else (living,)


def _dim(schema: Schema) -> int:
    """Return how many components the dense vectors of a collection have."""
    size = dense_size(schema)
    if size is None:
        raise invalid(f"the collection {schema.collection_name!r} has no dense vectors")
    return size


SEARCHES: Mapping[str, Search] = {
    "search_by_vector": _by_vector,
    "search_by_multi_modal": _by_multi_modal,
    "search_by_id": _by_id,
    "search_by_scalar": _by_scalar,
    "search_by_keywords": _by_keywords,
    "search_by_random": _by_chance,
    "sort": _sort,
}
