"""From the fields of a row to the point that holds it: what is missing is filled in, and texts become vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from quiverdb.model.point import DenseColumn, FloatArray, Points, VectorColumn
from quiverdb.vikingdb.service.layout import (
    EXPIRES,
    GEO,
    PK,
    RAW,
    SPARSE,
    TIME,
    TOKENS,
    WEIGHTS,
    Field,
    Schema,
    Vectorizer,
    dense_name,
    point_id,
)
from quiverdb.vikingdb.service.reading import invalid, mapping, missing
from quiverdb.vikingdb.service.rows import field_of_type, primary_key
from quiverdb.vikingdb.service.tokens import tokens_of
from quiverdb.vikingdb.service.units import moment, place
from quiverdb.vikingdb.service.values import DEFAULTS, read_value
from quiverdb.vikingdb.service.vectorize import dense, sparse, sparse_vector, usage

__all__ = [
    "Draft",
    "complete",
    "default_of",
    "derived_values",
    "draft_of",
    "payload_of",
    "points_of",
    "read_fields",
    "vectorize",
]


class Draft(msgspec.Struct):
    """Hold a row on its way: its values, and the vectors that are to be stored."""

    values: dict[str, Any]
    dense: FloatArray | None = None
    weights: Mapping[str, float] | None = None


def read_fields(schema: Schema, row: Any, where: str, *, ignore: bool) -> tuple[int | str | None, dict[str, Any]]:
    """Return the primary key of a row, if it has one, and its other fields as they are stored.

    Null stands for a field that is not there. Raises ``InvalidParameter`` for values of another type, and unless they
    are to be ignored for fields that the collection does not have.
    """
    key = primary_key(schema)
    known: dict[str, Field] = {key.field_name: key, **{field.field_name: field for field in schema.fields}}
    found: dict[str, Any] = {}
    for name, value in mapping(row, where).items():
        field = known.get(name)
        if field is None and not ignore:
            raise invalid(f"{where}: the collection has no field {name!r}; it has {', '.join(sorted(known))}")
        if field is not None and value is not None:
            found[name] = read_value(field, value, f"{where}.{name}")
    return found.pop(key.field_name, None), found


def complete(schema: Schema, values: dict[str, Any], where: str) -> None:
    """Give the fields that a row lacks their defaults; ``MissingParameter`` for those that have none."""
    embedded = _read_by_model(schema.dense)
    for field in schema.fields:
        name = field.field_name
        if name in values or field.is_primary_key or name in embedded:
            continue
        default = default_of(field)
        if default is None:
            raise missing(f"{where}.{name}")
        values[name] = default


def default_of(field: Field) -> Any:
    """Return what rows hold that lack a field, None where they must not lack it."""
    return field.default_value if field.default_value is not None else DEFAULTS.get(field.field_type)


def draft_of(schema: Schema, values: dict[str, Any]) -> Draft:
    """Return the draft of a row with the vectors that were given."""
    vector, weights = field_of_type(schema, "vector"), field_of_type(schema, "sparse_vector")
    return Draft(
        values,
        values.pop(vector.field_name, None) if vector is not None else None,
        values.get(weights.field_name) if weights is not None else None,
    )


def vectorize(schema: Schema, drafts: Sequence[Draft]) -> dict[str, Any]:
    """Make the vectors of texts and return which models read how much."""
    models = [model for model in (schema.dense, schema.sparse) if model is not None]
    if not models or not drafts:
        return {}
    texts: list[str] = []
    if schema.dense is not None:
        texts = [_text(schema.dense, draft.values) for draft in drafts]
        for draft, vector in zip(drafts, dense(schema.dense, texts), strict=True):
            draft.dense = vector
    if schema.sparse is not None:
        texts = [_text(schema.sparse, draft.values) for draft in drafts]
        for draft, weights in zip(drafts, sparse(schema.sparse, texts), strict=True):
            draft.values[WEIGHTS] = draft.weights = weights
    return usage(((model.model_name, model.model_version) for model in models), texts)


def payload_of(schema: Schema, key: int | str, values: Mapping[str, Any], expires: float | None) -> dict[str, Any]:
    """Return the payload that holds a row."""
    payload: dict[str, Any] = {PK: key, **values}
    own = primary_key(schema)
    if own in schema.fields:
        payload[own.field_name] = key
    payload.update(derived_values(schema, values))
    if expires is not None:
        payload[EXPIRES] = expires
    return payload


def derived_values(schema: Schema, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is stored of values for the sake of searching: moments, places and tokens, by the fields' names."""
    kinds = {field.field_name: field.field_type for field in schema.fields}
    full = {text.field: text for text in schema.full_text}
    made: dict[str, dict[str, Any]] = {TIME: {}, GEO: {}, TOKENS: {}}
    for name, value in values.items():
        if kinds.get(name) == "date_time":
            made[TIME][name] = moment(value)
        elif kinds.get(name) == "geo_point":
            made[GEO][name] = msgspec.to_builtins(place(value))
        elif name in full:
            made[TOKENS][name] = " ".join(tokens_of(full[name], value))
    return {key: found for key, found in made.items() if found}


def points_of(
    schema: Schema, drafts: Mapping[int | str, Draft], payloads: Sequence[Mapping[str, Any]] | None = None
) -> Points:
    """Return the points of rows by their keys, with the vectors that the drafts have."""
    vectors: dict[str, VectorColumn] = {}
    rows = list(drafts.values())
    given = [(place, draft.dense) for place, draft in enumerate(rows) if draft.dense is not None]
    if given:
        places = None if len(given) == len(rows) else np.array([place for place, _ in given], np.int64)
        column = DenseColumn(np.stack([row for _, row in given]), places)
        vectors = dict.fromkeys((RAW, *_compared(schema)), column)
    if any(draft.weights is not None for draft in rows):
        vectors[SPARSE] = [None if draft.weights is None else sparse_vector(draft.weights) for draft in rows]
    return Points([point_id(key) for key in drafts], vectors, payloads)


def _compared(schema: Schema) -> Collection[str]:
    return [dense_name(index.index_name) for index in schema.indexes.values() if index.enabled]


def _text(vectorizer: Vectorizer, values: Mapping[str, Any]) -> str:
    """Return what a model is to read of a row."""
    for name in (vectorizer.image_field, vectorizer.video_field):
        if name is not None and values.get(name) is not None:
            raise invalid(f"{name}: no model that looks at images is at hand; leave it out, or give a vector instead")
    text = values.get(vectorizer.text_field or "")
    if not text:
        raise invalid(f"{vectorizer.text_field}: a text that a vector is made of must not be empty")
    return str(text)


def _read_by_model(vectorizer: Vectorizer | None) -> Collection[str | None]:
    return () if vectorizer is None else (vectorizer.text_field, vectorizer.image_field, vectorizer.video_field)
