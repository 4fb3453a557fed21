"""Small functions of the official local mode on dates, order values and sparse vectors."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

from quiverdb.dates import parse_datetime
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models

__all__ = [
    "copy_sparse_vector",
    "datetime_to_microseconds",
    "empty_sparse_vector",
    "is_sorted",
    "parse",
    "sort_sparse_vector",
    "to_order_value",
    "validate_sparse_vector",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_INDEX = 2**32 - 1


def parse(date_str: str) -> datetime | None:
    """Return the moment that a text names, in UTC, or ``None`` if it names none.

    >>> parse("2024-01-01T01:00:00+01:00"), parse("soon")
    (datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), None)
    """
    moment = parse_datetime(date_str)
    try:
        return None if moment is None else _EPOCH + moment * _MICROSECOND
    except OverflowError:  # years that Python's dates do not have
        return None


def datetime_to_microseconds(dt: datetime) -> int:
    """Return the microseconds since 1970; a datetime without zone is in UTC."""
    return ((dt if dt.utcoffset() is not None else dt.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def to_order_value(value: object) -> int | float | None:
    """Return what a value is ordered by: a number itself, a date by its microseconds, ``None`` for all else.

    >>> to_order_value("1970-01-02"), to_order_value(2.5), to_order_value(True)
    (86400000000, 2.5, None)
    """
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case datetime():
            return datetime_to_microseconds(value)
        case date():
            return datetime_to_microseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case str():
            return parse_datetime(value)
    return None


def empty_sparse_vector() -> models.SparseVector:
    """Return a sparse vector without entries."""
    return models.SparseVector(indices=[], values=[])


def copy_sparse_vector(vector: models.SparseVector) -> models.SparseVector:
    """Return a sparse vector with lists of its own."""
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def is_sorted(vector: models.SparseVector) -> bool:
    """Tell whether the indices ascend."""
    indices = list(vector.indices)
    return indices == sorted(indices)


def sort_sparse_vector(vector: models.SparseVector) -> models.SparseVector:
    """Return a sparse vector with ascending indices."""
    pairs = sorted(zip(vector.indices, vector.values, strict=True), key=lambda pair: pair[0])
    return models.SparseVector(indices=[index for index, _ in pairs], values=[value for _, value in pairs])


def validate_sparse_vector(vector: models.SparseVector) -> None:
    """Raise ``InvalidInputError``, a ``ValueError``, for a sparse vector that no collection takes."""
    indices = list(vector.indices)
    if len(indices) != len(vector.values):
        raise InvalidInputError("indices and values must be as many", field="indices")
    if any(math.isnan(value) for value in vector.values):
        raise InvalidInputError("values must not be NaN", field="values")
    if len(set(indices)) < len(indices):
        raise InvalidInputError("indices must differ from each other", field="indices")
    if indices and not 0 <= min(indices) <= max(indices) <= _LAST_INDEX:
        raise InvalidInputError(f"indices must be between 0 and {_LAST_INDEX}", field="indices")
