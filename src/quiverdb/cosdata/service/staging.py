"""Staging: vectors as callers give them, checked and brought into columns.

::

    vector   {"id", "document_id"?, "dense_values"?, "metadata"?, "sparse_indices"?, "sparse_values"?, "text"?}

``values`` stands for ``dense_values``; ids may be integers; lists of numbers may be arrays. Without ``sparse_indices``
the ``sparse_values`` are terms: pairs, ``{"index", "value"}``, or a dict. Whatever is wrong is found here, before
anything is kept.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Mapping, Sequence
from reprlib import repr as short
from typing import Any

import numpy as np

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.service.changes import Batch
from quiverdb.cosdata.service.filters import read_metadata
from quiverdb.cosdata.service.layout import TOKENS, DenseIndex, Settings
from quiverdb.cosdata.service.text import tokens_of
from quiverdb.cosdata.service.values import dense_values, sparse_terms, sparse_values
from quiverdb.model.point import DenseColumn, FloatArray, Payload, SparseVector
from quiverdb.packing import packed

__all__ = ["read_id", "staged"]

_FIELDS = ("id", "document_id", "dense_values", "metadata", "sparse_indices", "sparse_values", "text")
_KNOWN = frozenset((*_FIELDS, "values"))
_HALF = 65504.0
"""The largest number that 16 bits hold."""


def read_id(value: Any) -> str:
    """Return an id as the string that it stands for; raises ``ValidationError`` for what is none.

    >>> read_id(1) == read_id("1")
    True
    """
    if type(value) is str:
        if not value or not _encodable(value):
            raise ValidationError(f"an id is a string of at least one character, got {short(value)}")
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValidationError(f"an id is a string or an integer, got {short(value)}")
    return str(operator.index(value))


def staged(settings: Settings, vectors: Any) -> Batch:
    """Return vectors in columns; raises ``ValidationError`` for the first thing that is wrong with them."""
    if not isinstance(vectors, Sequence) or isinstance(vectors, str | bytes):
        raise ValidationError(f"`vectors` is a list of objects with an `id`, got {short(vectors)}")
    ids: list[str] = []
    payloads: list[Payload] = []
    dense: dict[int, Any] = {}
    sparse: list[SparseVector | None] = []
    for position, vector in enumerate(vectors):
        _check_fields(vector)
        ids.append(read_id(vector.get("id")))
        try:
            payloads.append(_payload(settings, ids[-1], vector))
            sparse.append(_sparse(vector))
        except ValidationError as error:
            raise _blamed(ids[-1], error) from error
        values = vector.get("dense_values")
        if values is None:
            values = vector.get("values")
        if values is not None:
            dense[position] = values
    return Batch(
        ids, payloads, _dense(settings, ids, dense), sparse if any(value is not None for value in sparse) else None
    )


def _check_fields(vector: Any) -> None:
    if not isinstance(vector, Mapping):
        raise ValidationError(f"a vector is an object with an `id`, got {short(vector)}")
    if not vector.keys() <= _KNOWN:
        name = next(name for name in vector if name not in _KNOWN)
        expected = ", ".join(f"`{field}`" for field in _FIELDS)
        raise ValidationError(f"Json deserialize error: unknown field `{name}`, expected one of {expected}")
    if vector.get("dense_values") is not None and vector.get("values") is not None:
        raise ValidationError("a vector has either `dense_values` or `values`: they are the same")


def _payload(settings: Settings, id: str, vector: Mapping[str, Any]) -> Payload:
    payload: Payload = {"id": id}
    document_id = vector.get("document_id")
    if document_id is not None:
        payload["document_id"] = read_id(document_id)
    metadata = vector.get("metadata")
    if metadata is not None:
        payload["metadata"] = read = read_metadata(settings.metadata_schema, metadata)
        if not _encodable("".join(map(str, (*read, *read.values())))):
            raise ValidationError("metadata has characters that UTF-8 has not")
    text = vector.get("text")
    if text is not None:
        if not isinstance(text, str) or not _encodable(text):
            raise ValidationError(f"`text` is a string, got {short(text)}")
        tokens = tokens_of(text)
        payload |= {TOKENS: " ".join(tokens), "length": len(tokens)}
        if settings.store_raw_text:
            payload["text"] = text
    return payload


def _sparse(vector: Mapping[str, Any]) -> SparseVector | None:
    indices, values = vector.get("sparse_indices"), vector.get("sparse_values")
    if indices is None:
        return None if values is None else sparse_terms(values)
    if values is None:
        raise ValidationError("`sparse_indices` need `sparse_values` of the same length")
    return sparse_values(indices, values)


def _dense(settings: Settings, ids: list[str], given: dict[int, Any]) -> DenseColumn | None:
    if not given:
        return None
    if not settings.dense_enabled:
        raise ValidationError("the collection has no dense vectors: create it with dense_vector enabled")
    values = list(given.values())
    rows = _quickly(values, settings.dimension)
    if rows is None or not np.isfinite(rows).all():
        rows = _carefully([ids[position] for position in given], values, settings.dimension)
    if settings.dense is not None and _is_half(settings.dense) and (np.abs(rows) > _HALF).any():
        raise ValidationError(f"the dense index keeps numbers of 16 bits, up to {_HALF:.0f}")
    return DenseColumn(rows, None if len(rows) == len(ids) else np.array(list(given), np.int64))


def _quickly(values: list[Any], dimension: int) -> FloatArray | None:
    """Return the rows of vectors that are all lists of numbers, or all arrays; None if one is anything else."""
    kinds = set(map(type, values))
    if kinds <= {list, tuple}:
        try:
            return packed(values, dimension)
        except (struct.error, OverflowError):
            return None
    if kinds == {np.ndarray} and all(value.shape == (dimension,) and value.dtype.kind in "fiu" for value in values):
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
            return np.concatenate(values, dtype=np.float32, casting="unsafe").reshape(len(values), dimension)
    return None


def _carefully(ids: list[str], values: list[Any], dimension: int) -> FloatArray:
    rows = np.empty((len(values), dimension), np.float32)
    for position, value in enumerate(values):
        try:
            rows[position] = dense_values(value, dimension)
        except ValidationError as error:
            raise _blamed(ids[position], error) from error
    return rows


def _is_half(index: DenseIndex) -> bool:
    """Tell whether an index keeps numbers of 16 bits as they are, neither normalised nor as signs."""
    properties = index.quantization.get("properties", {})
    return properties.get("data_type") == "f16" and index.metric in ("dot_product", "euclidean")


def _encodable(text: str) -> bool:
    """Tell whether a string holds no halves of characters, which cannot be stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _blamed(id: str, error: ValidationError) -> ValidationError:
    return ValidationError(f"Failed to create vector in transaction due to {error} (vector {short(id)})")
