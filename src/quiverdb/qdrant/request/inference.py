"""Vectors that a model has to make first: of texts, pictures and other objects.

Requests are read as if they needed no model, which is what most of them do. The first ``Document``, ``Image`` or
``InferenceObject`` where a vector may stand ends that with ``NotEmbeddedError``. Then all of them are embedded
together, model by model, and the request is read again with vectors in their places; what the caller gave stays
as it is. Nothing else has happened by then, so a model that fails leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias, TypeVar, cast

import msgspec

from quiverdb.embed import registry
from quiverdb.embed.fastembed import Family
from quiverdb.embed.registry import Kind
from quiverdb.errors import InvalidInputError
from quiverdb.model.point import SparseVector, VectorValue
from quiverdb.qdrant import models
from quiverdb.qdrant.request.collections import stemmer, stopwords
from quiverdb.qdrant.request.parse import parse, plain

__all__ = ["KINDS", "PLACES", "NotEmbeddedError", "Purpose", "embedded", "needs_model", "read", "stands_for_one"]

T = TypeVar("T")
R = TypeVar("R")

Purpose: TypeAlias = Literal["document", "query"]

KINDS = frozenset({"Document", "Image", "InferenceObject"})
"""The classes that stand for such vectors."""

PLACES = frozenset({
    "batch", "context", "discover", "example", "feedback", "nearest", "negative", "operations", "points", "positive",
    "prefetch", "query", "recommend", "relevance_feedback", "searches", "target", "update_vectors", "upsert",
    "vector", "vectors",
})  # fmt: skip
"""The fields of requests that are vectors or lead to vectors."""

_NAMED = ("vector", "vectors")
_CONTENTS = {"text": "Document", "image": "Image", "object": "InferenceObject"}
_TEXT_FAMILIES = {"text", "sparse", "late_interaction_text"}
_BM25 = frozenset(name.casefold() for name in registry.BM25)
_BM25_PLAIN = (
    "k", "b", "avg_len", "tokenizer", "language", "lowercase", "ascii_folding", "min_token_len", "max_token_len",
)  # fmt: skip


class NotEmbeddedError(InvalidInputError):
    """Tell that a request cannot be read before a model has made vectors of what is in it."""

    def __init__(self, value: Any) -> None:
        super().__init__(f"expected a vector, got {type(value).__name__}: embed it first", field="vector")


def read(make: Callable[[T], R], given: T, purpose: Purpose, batch_size: int, *, named: bool = False) -> R:
    """Return ``make(given)``, with vectors in place of the inference objects in ``given``.

    ``purpose`` tells whether texts are stored or searched for; ``named``, that a dict maps names to vectors.
    Raise ``InvalidInputError`` for an unknown model or one that does not take what it is given, and
    ``MissingLibraryError`` if the model takes a library that is not installed.
    """
    if _is_series(given):
        given = cast(T, list(cast(Iterable[Any], given)))
    try:
        return make(given)
    except NotEmbeddedError:
        found: list[Any] = []
        _changed(given, found.append, named=named)
        vectors = _embed(found, purpose, batch_size)
    return make(_changed(given, lambda _: next(vectors), named=named))


def embedded(parts: Iterable[Any], purpose: Purpose, batch_size: int) -> tuple[Any, ...]:
    """Return parts of a request with vectors in place of the inference objects in them; see ``read``."""
    given = tuple(list(part) if _is_series(part) else part for part in parts)
    return read(_without_objects, given, purpose, batch_size)


def needs_model(parts: Iterable[Any]) -> bool:
    """Tell whether there are inference objects in parts of a request."""
    try:
        _without_objects([*parts])
    except NotEmbeddedError:
        return True
    return False


def _without_objects(value: T) -> T:
    """Return a value that holds no inference object; raise ``NotEmbeddedError`` for any other."""
    kind: Any = type(value)
    if kind is list or kind is tuple:
        if value and type(cast(Any, value)[0]) is not float:
            for item in cast(Any, value):
                _without_objects(item)
    elif isinstance(value, Mapping):
        if stands_for_one(value):
            raise NotEmbeddedError(value)
        for item in value.values():
            if type(item) is not str:
                _without_objects(item)
    elif (places := _places(kind)) is KINDS:
        raise NotEmbeddedError(value)
    else:
        for place in places:
            _without_objects(getattr(value, place))
    return value


def _is_series(value: Any) -> bool:
    """Tell whether a value is a generator or other iterable that is neither a model, a dict, text nor an array."""
    return (
        not isinstance(value, list | tuple | Mapping | str | bytes)
        and isinstance(value, Iterable)
        and not hasattr(type(value), "model_fields")
        and not hasattr(value, "__array__")
    )


def _changed(value: Any, change: Callable[[Any], Any], *, named: bool = False) -> Any:
    """Return ``value`` with every inference object in it changed."""
    kind: Any = type(value)
    if kind is list or kind is tuple:
        if not value or type(value[0]) is float:
            return value
        return kind(_changed(item, change, named=named) for item in value)
    if isinstance(value, Mapping):
        if stands_for_one(value):
            return change(_read(value))
        parts = {
            key: _changed(value[key], change, named=not named and key in _NAMED) for key in _keys(value, named=named)
        }
        return {**value, **parts}
    places = _places(kind)
    if places is KINDS:
        return change(value)
    if not places:
        return value
    update = {place: _changed(getattr(value, place), change, named=place in _NAMED) for place in places}
    return (
        msgspec.structs.replace(value, **update)
        if isinstance(value, msgspec.Struct)
        else value.model_copy(update=update)
    )


def _keys(value: Mapping[str, Any], *, named: bool) -> Iterable[str]:
    """Return the keys of a dict that may lead to vectors: all names of vectors, or the fields of a model."""
    return value.keys() if named else [key for key in value if key in PLACES]


def stands_for_one(value: Mapping[str, Any]) -> bool:
    """Tell whether a dict stands for an inference object."""
    return "model" in value and isinstance(value["model"], str) and not _CONTENTS.keys().isdisjoint(value)


@lru_cache(maxsize=1024)
def _places(kind: type) -> frozenset[str] | tuple[str, ...]:
    """Return the fields of a class that may lead to vectors, or ``KINDS`` if it stands for a vector itself."""
    if any(base.__name__ in KINDS for base in kind.__mro__):
        return KINDS
    fields = getattr(kind, "model_fields", ()) or getattr(kind, "__struct_fields__", ())
    return tuple(name for name in fields if name in PLACES)


def _read(value: Mapping[str, Any]) -> Any:
    """Return the object that a dict stands for."""
    model = next(model for content, model in _CONTENTS.items() if content in value)
    return parse(model, dict(value))


def _embed(found: list[Any], purpose: Purpose, batch_size: int) -> Iterator[Any]:
    """Embed all objects, each model's and kind's with equal options together; return their vectors in order."""
    groups: list[tuple[tuple[str, Kind, Any], list[int]]] = []
    inputs: list[Any] = []
    families = cache(registry.families)  # fastembed describes all of its models at each look
    for position, item in enumerate(found):
        kind, content = _content(item, purpose, families)
        inputs.append(content)
        key = (item.model, kind, item.options)
        members = next((members for other, members in groups if other == key), None)
        if members is None:
            groups.append((key, [position]))
        else:
            members.append(position)
    vectors: list[Any] = [None] * len(found)
    for (model, kind, options), members in groups:
        made = registry.embed(
            model, kind, [inputs[i] for i in members], _options(model, options), batch_size=batch_size
        )
        for position, vector in zip(members, made, strict=True):
            vectors[position] = _shown(vector)
    return iter(vectors)


def _shown(vector: VectorValue) -> Any:
    """Return a vector as a request has it: objects that were dicts are validated with the vectors in them."""
    if isinstance(vector, SparseVector):
        return models.SparseVector.model_construct(indices=vector.indices, values=vector.values)
    return vector


def _content(item: Any, purpose: Purpose, families_of: Callable[[str], set[Family]]) -> tuple[Kind, Any]:
    """Return what kind of input an object is, and the input itself."""
    if hasattr(item, "text"):
        return purpose, item.text
    if hasattr(item, "image"):
        return "image", item.image
    families = families_of(item.model)
    if not families or families & _TEXT_FAMILIES:
        if not isinstance(item.object, str):
            message = f"the model {item.model!r} embeds texts, got {type(item.object).__name__}"
            raise InvalidInputError(message, field="object")
        return purpose, item.object
    if "image" in families:
        return "image", item.object
    raise InvalidInputError(
        f"the model {item.model!r} embeds texts and pictures: use Document or Image instead of InferenceObject",
        field="object",
    )


def _options(model: str, options: Any) -> dict[str, Any]:
    """Return the options of a model by name."""
    if model.casefold() not in _BM25:
        return options.model_dump(exclude_none=True) if hasattr(options, "model_dump") else dict(options or {})
    config = parse("Bm25Config", options or {})
    given = {name: plain(getattr(config, name)) for name in _BM25_PLAIN}
    given |= {"stopwords": stopwords(config.stopwords), "stemmer": stemmer(config.stemmer)}
    return {name: value for name, value in given.items() if value is not None}
