"""Models by name: a name, options and inputs go in, one vector per input comes out.

A name is looked up among the registered models first and among those of fastembed, if that is installed, second;
upper and lower case are the same. A model is loaded when it is first used and kept for the next use with equal
options. Calls may come from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Any, Literal, TypeAlias

import msgspec

from quiverdb.embed import fastembed
from quiverdb.embed.bm25 import bm25
from quiverdb.embed.fastembed import Family
from quiverdb.embed.hashing import HashingEmbedder
from quiverdb.embed.protocol import Embedder
from quiverdb.errors import InvalidInputError, MissingLibraryError, QuiverError
from quiverdb.model.point import VectorValue

__all__ = [
    "BM25",
    "HASHING",
    "Kind",
    "ModelInfo",
    "embed",
    "families",
    "load",
    "model_infos",
    "register",
    "unknown",
    "unregister",
]

HASHING = "quiverdb/hashing"
"""The name of the built-in hashing embedder; its option ``size`` sets the number of components."""

Kind: TypeAlias = Literal["document", "query", "image"]
"""What an input is: a text to be stored, a text to search for, or a picture."""

BM25 = ("Qdrant/bm25", "bm25")
"""The names of BM25; its options are the parameters of ``quiverdb.embed.bm25.bm25``."""

_METHODS: dict[Kind, tuple[str, ...]] = {
    "document": ("embed_documents", "embed"),
    "query": ("embed_queries", "embed"),
    "image": ("embed_images",),
}
_INPUTS = {"document": "texts", "query": "texts", "image": "pictures"}
_MOST_LOADED = 32


class ModelInfo(msgspec.Struct, frozen=True):
    """Describe a model: which family it belongs to, and the size of its vectors unless they are sparse."""

    name: str
    family: Family
    size: int | None = None
    description: Mapping[str, Any] = {}


class _Entry(msgspec.Struct, frozen=True):
    info: ModelInfo
    load: Callable[..., Embedder]


_lock = RLock()
_registered: dict[str, _Entry] = {}
_loaded: list[tuple[str, bool, Mapping[str, Any], Any]] = []
"""Loaded models, the latest last: name, whether it is for pictures, options, and the embedder."""


def register(
    name: str,
    load: Callable[..., Embedder],
    *,
    family: Family = "text",
    size: int | None = None,
    description: Mapping[str, Any] | None = None,
) -> None:
    """Make a model known; ``load(**options)`` is called when it is first used. A known name gets the new meaning.

    >>> from quiverdb.embed import HashingEmbedder, embed, register, unregister
    >>> register("example/tiny", lambda: HashingEmbedder(size=8), size=8)
    >>> embed("Example/Tiny", "query", ["open a file"])[0].shape
    (8,)
    >>> unregister("example/tiny")
    """
    if not name:
        raise InvalidInputError("a model needs a name", field="name")
    with _lock:
        unregister(name)
        _registered[name.casefold()] = _Entry(ModelInfo(name, family, size, description or {}), load)


def unregister(name: str) -> None:
    """Forget a model that was registered, if there is one of this name."""
    key = name.casefold()
    with _lock:
        _registered.pop(key, None)
        _loaded[:] = [loaded for loaded in _loaded if loaded[0] != key]


def model_infos(family: Family) -> dict[str, ModelInfo]:
    """Return the models of a family by name; those of fastembed are among them if it is installed."""
    found = {
        described["model"]: ModelInfo(
            described["model"], family, described.get("dim"), {k: v for k, v in described.items() if k != "model"}
        )
        for described in fastembed.described(family)
    }
    return {entry.info.name: entry.info for entry in _registered.values() if entry.info.family == family} | found


def families(name: str) -> set[Family]:
    """Return the families that have a model of this name."""
    entry = _registered.get(name.casefold())
    if entry is not None:
        return {entry.info.family}
    found = (fastembed.find(name, pictures=pictures) for pictures in (False, True))
    return {family for family, _ in filter(None, found)}


def unknown(name: str) -> QuiverError:
    """Return the error that says why no model of this name is known."""
    if not fastembed.installed():
        return MissingLibraryError(f"the model {name!r}", library="fastembed", extra="fastembed")
    return InvalidInputError(
        f"the model {name!r} is not known: register it, or use one of fastembed's models", field="model"
    )


def load(name: str, kind: Kind = "document", options: Mapping[str, Any] | None = None) -> Any:
    """Return the embedder of this name, loaded with these options.

    Raise ``InvalidInputError`` if no such model is known or it cannot be loaded, and ``MissingLibraryError`` if
    fastembed may know it but is not installed.
    """
    key, pictures, options = name.casefold(), kind == "image", options or {}
    with _lock:
        for found_key, for_pictures, given, embedder in _loaded:
            if (found_key, for_pictures) == (key, pictures) and given == options:
                return embedder
        make = _maker(name, pictures=pictures)
        try:
            embedder = make(**options)
        except QuiverError:
            raise
        except Exception as error:
            raise InvalidInputError(f"the model {name!r} cannot be loaded: {error}", field="model") from error
        _loaded.append((key, pictures, dict(options), embedder))
        del _loaded[:-_MOST_LOADED]
        return embedder


def _maker(name: str, *, pictures: bool) -> Callable[..., Any]:
    entry = _registered.get(name.casefold())
    if entry is not None:
        return entry.load
    found = fastembed.find(name, pictures=pictures)
    if found is not None:
        return partial(fastembed.FastEmbedModel, *found)
    if families(name):
        raise InvalidInputError(_unfit(name, "image" if pictures else "document"), field="model")
    raise unknown(name)


def embed(
    name: str,
    kind: Kind,
    inputs: Sequence[Any],
    options: Mapping[str, Any] | None = None,
    *,
    batch_size: int = 256,
) -> list[VectorValue]:
    """Return the vectors that a model makes of inputs, given to it in batches; raise as ``load`` does."""
    embedder = load(name, kind, options)
    methods = (getattr(embedder, method, None) for method in _METHODS[kind])
    method = next((found for found in methods if found is not None), None)
    if method is None:
        raise InvalidInputError(_unfit(name, kind), field="model")
    result: list[VectorValue] = []
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        try:
            vectors = list(method(batch))
        except QuiverError:
            raise
        except Exception as error:
            raise InvalidInputError(f"the model {name!r} failed: {error}", field="model") from error
        if len(vectors) != len(batch):
            raise InvalidInputError(
                f"the model {name!r} made {len(vectors)} vectors of {len(batch)} {_INPUTS[kind]}", field="model"
            )
        result += vectors
    return result


def _unfit(name: str, kind: Kind) -> str:
    return f"the model {name!r} does not embed {_INPUTS[kind]}"


register(HASHING, HashingEmbedder, size=HashingEmbedder().size)
for _name in BM25:
    register(
        _name,
        bm25,
        family="sparse",
        description={"description": "BM25 weights as Qdrant computes them; needs no download", "requires_idf": True},
    )
