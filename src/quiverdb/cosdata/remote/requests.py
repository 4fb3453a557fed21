"""From the arguments of an operation to its request, as Cosdata's servers want it.

Servers refuse an integer as an id, a vector's ``values``, and sparse terms that are no pairs, and miss fields that they
do not need to know: all of that is put right here. What is an argument's own affair goes as it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import Arguments, Operation
from quiverdb.cosdata.service.layout import DenseIndex, SparseIndex, TextIndex
from quiverdb.wire.http_message import Request
from quiverdb.wire.rest import path_arguments

__all__ = ["identifier", "request_of"]


def request_of(operation: Operation, arguments: Arguments) -> Request:
    """Return the request that asks for an operation; raises ``ValidationError`` for what cannot be sent.

    >>> from quiverdb.cosdata.operations import OPERATIONS
    >>> request_of(OPERATIONS["get_vector"], {"collection": "c", "id": "a/b"}).path
    '/vectordb/collections/c/vectors/a%2Fb'
    """
    steps = {name: _step(name, arguments) for name in path_arguments(operation.path)}
    query = tuple((name, identifier(arguments[name], name)) for name in operation.query if _given(arguments, name))
    return Request(operation.method, operation.path.format_map(steps), query, _body(operation, arguments))


def identifier(value: Any, name: str = "id") -> str:
    """Return what names a thing as servers know it: ``1`` and ``"1"`` are one.

    >>> identifier(1)
    '1'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    raise ValidationError(f"{name} must be a string or an integer, got {type(value).__name__}")


_STEP_CHARACTERS = "!$&'()*+,;=:@~"
"""What may stand in a step of a path besides letters and digits; dots alone would lead elsewhere."""


def _step(name: str, arguments: Arguments) -> str:
    text = identifier(arguments.get(name), name)
    if not text:
        raise ValidationError(f"{name} must not be empty")
    try:
        quoted = quote(text, safe=_STEP_CHARACTERS)
    except UnicodeEncodeError as error:
        raise ValidationError(f"{name} {text!r} is no text: {error}") from error
    return quoted.replace(".", "%2E") if text in (".", "..") else quoted


def _given(arguments: Arguments, name: str) -> bool:
    return arguments.get(name) is not None


# --- bodies


_SEARCH: Mapping[str, Any] = {"top_k": 10, "return_raw_text": False}
_SPARSE: Mapping[str, Any] = {**_SEARCH, "early_terminate_threshold": 0.0}
_DENSE = DenseIndex()

_USUAL: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "create_collection": {
        "description": None,
        "sparse_vector": {"enabled": False},
        "tf_idf_options": {"enabled": False},
        "config": {"max_vectors": None, "replication_factor": None},
        "store_raw_text": False,
    },
    "create_dense_index": {
        "distance_metric_type": _DENSE.metric,
        "quantization": _DENSE.quantization,
        "index": {"type": "hnsw", "properties": {}},
    },
    "create_sparse_index": msgspec.to_builtins(SparseIndex()),
    "create_tf_idf_index": msgspec.to_builtins(TextIndex()),
    "search_dense": _SEARCH,
    "batch_search_dense": _SEARCH,
    "search_sparse": _SPARSE,
    "batch_search_sparse": _SPARSE,
    "search_text": _SEARCH,
    "batch_search_text": _SEARCH,
})  # fmt: skip
"""Fields that servers want to see whether given or not, or for which they mean something unusual."""


def _body(operation: Operation, arguments: Arguments) -> bytes | None:
    if operation.whole:
        return _encoded(_vector(arguments.get(operation.whole)))
    if not operation.body:
        return None
    body = dict(_USUAL.get(operation.name, {}))
    if operation.name.endswith("_index"):
        body = {"name": f"{arguments.get('collection')}_index", **body}
    for field in operation.body:
        if _given(arguments, field):
            value = arguments[field]
            body[field] = _FORMS[field](value) if field in _FORMS else value
    return _encoded(body)


def _vector(given: Any) -> dict[str, Any]:
    """Return a vector with the names and kinds of ids that servers know."""
    if not isinstance(given, Mapping):
        raise ValidationError(f"a vector must be a dict, got {type(given).__name__}")
    vector = dict(given)
    if "values" in vector:
        values = vector.pop("values")
        if vector.setdefault("dense_values", values) is not values:
            raise ValidationError("a vector has either values or dense_values: they mean the same")
    for name in ("id", "document_id"):
        if _given(vector, name):
            vector[name] = identifier(vector[name], name)
    return vector


def _vectors(given: Any) -> list[dict[str, Any]]:
    return [_vector(vector) for vector in _listed(given, "vectors")]


def _terms(given: Any) -> list[Any]:
    """Return sparse terms as pairs."""
    pairs = given.items() if isinstance(given, Mapping) else map(_pair, _listed(given, "query_terms"))
    try:
        return [[_index(index), value] for index, value in pairs]
    except (TypeError, ValueError) as error:
        raise ValidationError(f"sparse terms are pairs of an index and a value: {error}") from error


def _index(given: Any) -> int:
    """Return the index of a term, which as a key of JSON is a string."""
    index = int(given)
    if not isinstance(given, str) and index != given:
        raise ValueError(f"{given!r} is no index")
    return index


def _pair(term: Any) -> Any:
    return (term.get("index"), term.get("value")) if isinstance(term, Mapping) else term


def _lists_of_terms(given: Any) -> list[Any]:
    return [_terms(terms) for terms in _listed(given, "query_terms_list")]


def _queries(given: Any) -> list[Any]:
    return [
        {**query, "query_terms": _terms(query["query_terms"])}
        if isinstance(query, Mapping) and query.get("query_terms") is not None
        else query
        for query in _listed(given, "queries")
    ]


def _listed(given: Any, name: str) -> Iterable[Any]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ValidationError(f"{name} must be a list, got {type(given).__name__}")
    return given


_FORMS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "vectors": _vectors,
    "query_terms": _terms,
    "query_terms_list": _lists_of_terms,
    "queries": _queries,
})  # fmt: skip


# --- JSON


def _encoded(body: Any) -> bytes:
    try:
        written = _encoder.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValidationError(f"a request cannot be written as JSON: {error}") from error
    if b"null" in written and not _finite(body):
        raise ValidationError(_NO_NUMBER)
    return written


_NO_NUMBER = "JSON has no NaN or infinity: leave such a number out, or give another one"


def _finite(value: Any) -> bool:
    """Tell whether JSON has all numbers in a value; those in arrays were looked at before."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return _finite_sum(value) or all(map(_finite, value))
    return True


def _finite_sum(values: list[Any] | tuple[Any, ...]) -> bool:
    """Tell whether values are numbers whose sum JSON has, and so all of them: the quick way to know."""
    try:
        return isinstance(values[0], float) and math.isfinite(sum(values))
    except (IndexError, TypeError, OverflowError):
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            if not np.isfinite(value).all():
                raise ValueError(_NO_NUMBER)
            if value.dtype.itemsize <= 4:
                return _shortest(value).tolist()
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)

_EXPONENTS = range(-149, 129)
"""Binary exponents of numbers of single precision."""
_PLACES = [8 - math.floor((exponent - 1) * math.log10(2)) for exponent in _EXPONENTS]
"""How many decimal places make nine significant digits at least."""
_EXACT = 22
"""The largest power of ten that double precision holds exactly."""
_POWERS = np.array([10.0 ** min(max(places, 0), _EXACT) for places in _PLACES])
_TINY = _EXPONENTS[sum(places > _EXACT for places in _PLACES)]


def _shortest(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return numbers of single precision as doubles that take few digits to write and mean the same numbers.

    Nine digits tell any two of them apart, while their exact values take seventeen.
    """
    wide = values.astype(np.float64)
    exponents = np.frexp(wide)[1]
    powers = _POWERS.take(exponents - _EXPONENTS.start)
    short: np.ndarray[Any, Any] = np.rint(wide * powers) / powers
    return np.where(exponents < _TINY, wide, short) if exponents.min(initial=0) < _TINY else short
