"""Vectors of texts: models by name, and what serves under their names where they are not at hand.

A model that is registered in ``quiverdb.embed`` under the name, or that fastembed has, is used. Otherwise a built-in
one stands in, of the size that the model has: texts that share words come out similar, equal texts are equal. The log
says so, once per model. Sparse vectors are weights of tokens; a token stands at the component that its hash gives.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
import numpy as np

from quiverdb.embed import HashingEmbedder, embed, model_infos
from quiverdb.embed.bm25 import bm25_analyzer
from quiverdb.embed.registry import families
from quiverdb.model.point import FloatArray, SparseVector
from quiverdb.packing import shortest
from quiverdb.text.analyzer import Analyzer
from quiverdb.vikingdb.service.layout import Vectorizer
from quiverdb.vikingdb.service.reading import invalid

__all__ = [
    "Model",
    "at_hand",
    "dense",
    "dim_of",
    "instructed",
    "instruction_of",
    "known_model",
    "queried",
    "sparse",
    "sparse_vector",
    "tensors",
    "usage",
    "usage_key",
]

Kind = Literal["document", "query"]

_TINIEST, _LARGEST = 4, 4096
_K, _B, _USUAL_LENGTH = 1.2, 0.75, 256.0
_EAST = r"\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_PIECES = re.compile(rf"[{_EAST}]|[^\W_{_EAST}]+|[^\w\s]")
_DEFAULT = "default"

_log = logging.getLogger("quiverdb")
_told: set[str] = set()


class Model(msgspec.Struct, frozen=True):
    """Describe a model of the service: what it makes, and what goes before the texts that it is asked about."""

    name: str
    version: str = _DEFAULT
    dim: int = 1024
    dims: tuple[int, ...] = (1024,)
    sparse: bool = False
    tensor: bool = False
    instruction: str = ""


_RETRIEVE = "为这个句子生成表示以用于检索相关文章："  # noqa: RUF001
_ANSWER = "根据这个问题，找到能回答这个问题的相应文本或图片："  # noqa: RUF001
_TARGET = "Target_modality: text.\nInstruction:根据这个问题，找到能回答这个问题的相应文本或图片\nQuery:"  # noqa: RUF001
_SMALL, _LARGE, _VISION = (512, 1024, 2048), (512, 1024, 2048, 4096), (1024, 2048)

_MODELS = (
    Model("bge-m3", sparse=True),
    Model("bge-large-zh", instruction=_RETRIEVE),
    Model("bge-visualized-m3"),
    Model("doubao-embedding", "240715", 2048, _SMALL, instruction=_RETRIEVE),
    Model("doubao-embedding-large", "240915", 2048, _LARGE, instruction=_RETRIEVE),
    Model("doubao-embedding-vision", "251215", 2048, _VISION, sparse=True, tensor=True, instruction=_TARGET),
    Model("doubao-embedding-vision", "250615", 2048, _VISION, sparse=True, instruction=_ANSWER),
    Model("doubao-embedding-vision", "250328", 2048, _VISION, instruction=_ANSWER),
    Model("doubao-embedding-vision", "241215", 2048, _VISION, instruction=_ANSWER),
)
"""The models of the service; without a version, the first of a name is meant."""


def known_model(name: str, version: str | None = None) -> Model | None:
    """Return what is known of a model of the service; of a version that is not listed, that of the first one.

    >>> known_model("doubao-embedding", "240715").dims
    (512, 1024, 2048)
    """
    found = [model for model in _MODELS if model.name == name]
    return next((model for model in found if model.version == version), found[0] if found else None)


def dim_of(vectorizer: Vectorizer) -> int:
    """Return how many components the vectors of a vectorizer have.

    Raises ``InvalidParameter`` for a size that the model does not make, and for a model that nothing is known of.

    >>> dim_of(Vectorizer(model_name="bge-m3"))
    1024
    """
    name, dim = vectorizer.model_name, vectorizer.dim
    if at_hand(name):
        infos = model_infos("text").values()
        size = next((info.size for info in infos if info.name.casefold() == name.casefold()), None)
        size = size or dim or len(_made(name, ["size"], "document")[0])
        if dim not in (None, size):
            raise invalid(f"the model {name!r} makes vectors of {size} components, not of {dim}")
        return size
    model = known_model(name, vectorizer.model_version)
    if model is not None:
        if dim is not None and dim not in model.dims:
            raise invalid(f"the model {name!r} makes vectors of {_or(model.dims)} components, not of {dim}")
        return model.dim if dim is None else dim
    if dim is None:
        raise invalid(f"the model {name!r} is not known: register it in quiverdb.embed, or say the Dim of its vectors")
    if not _TINIEST <= dim <= _LARGEST or dim % 4:
        raise invalid(f"Dim must be a multiple of 4 from {_TINIEST} to {_LARGEST}, got {dim}")
    return dim


def at_hand(name: str) -> bool:
    """Tell whether a model of dense vectors of texts is registered under a name, or known to fastembed."""
    return "text" in families(name)


def dense(vectorizer: Vectorizer, texts: Sequence[str], kind: Kind = "document") -> FloatArray:
    """Return the dense vectors of texts to be stored, or to search for: float32, shape (number of texts, size).

    >>> dense(Vectorizer(model_name="bge-m3"), ["hello", "hello"]).shape
    (2, 1024)
    """
    name, dim = vectorizer.model_name, dim_of(vectorizer)
    if not texts:
        return np.zeros((0, dim), np.float32)
    if not at_hand(name):
        _tell(name, "dense")
        return HashingEmbedder(dim).embed(texts)
    made = _made(name, texts, kind)
    if made.shape != (len(texts), dim):
        raise invalid(f"the model {name!r} did not make vectors of {dim} components")
    return made


def sparse(vectorizer: Vectorizer, texts: Sequence[str], kind: Kind = "document") -> list[dict[str, float]]:
    """Return the weights of tokens in texts; a model of sparse vectors names tokens by numbers.

    >>> list(sparse(Vectorizer(model_name="bge-m3"), ["Opening files"])[0])
    ['open', 'file']
    """
    name = vectorizer.model_name
    if "sparse" in families(name):
        made = [vector for vector in embed(name, kind, texts) if isinstance(vector, SparseVector)]
        return [dict(zip(map(str, v.indices.tolist()), shortest(v.values), strict=True)) for v in made]
    model = known_model(name, vectorizer.model_version)
    if model is not None and not model.sparse:
        raise invalid(f"the model {name!r} makes no sparse vectors")
    _tell(name, "sparse")
    return [_weights(text) for text in texts]


def tensors(vectorizer: Vectorizer, texts: Sequence[str], kind: Kind = "document") -> list[FloatArray]:
    """Return matrices of vectors; raises ``InvalidParameter`` where no model that makes them is at hand."""
    name = vectorizer.model_name
    if "late_interaction_text" not in families(name):
        raise invalid(f"no model {name!r} makes tensors here: register one in quiverdb.embed")
    return [np.atleast_2d(np.asarray(made, np.float32)) for made in embed(name, kind, texts)]


def sparse_vector(weights: Mapping[str, float]) -> SparseVector:
    """Return the vector in which each token stands where its hash says.

    >>> sparse_vector({"wine": 0.5}).values
    array([0.5], dtype=float32)
    """
    sums: dict[int, float] = {}
    for token, weight in weights.items():
        place = _place(token)
        sums[place] = sums.get(place, 0.0) + weight
    places = sorted(sums)
    return SparseVector(np.array(places, np.uint32), np.array([sums[place] for place in places], np.float32))


def instruction_of(vectorizer: Vectorizer) -> str:
    """Return what goes before a text to search for, as the model was trained."""
    model = known_model(vectorizer.model_name, vectorizer.model_version)
    return "" if model is None else model.instruction


def instructed(vectorizer: Vectorizer) -> bool:
    """Tell whether a model takes instructions; those that nothing is known of do."""
    return known_model(vectorizer.model_name) is None or bool(instruction_of(vectorizer))


def queried(vectorizer: Vectorizer, text: str, *, fill: bool) -> str:
    """Return the text that is searched for: with ``fill`` after the instruction of the model.

    >>> queried(Vectorizer(model_name="bge-m3"), "red wine", fill=True)
    'red wine'
    """
    return instruction_of(vectorizer) + text if fill else text


def usage_key(name: str, version: str | None = None) -> str:
    """Return the name under which the use of a model is reported.

    >>> usage_key("bge-m3")
    'bge-m3__default'
    """
    return f"{name}__{version or _DEFAULT}"


def usage(models: Iterable[tuple[str, str | None]], texts: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return what models were given to read; counted are words, signs, and letters of Chinese and Korean.

    >>> usage([("bge-m3", None)], ["Hi, 世界"])["bge-m3__default"]["total_tokens"]
    4
    """
    count = sum(len(_PIECES.findall(text)) for text in texts)
    each = {"prompt_tokens": count, "completion_tokens": 0, "image_tokens": 0, "total_tokens": count}
    return {usage_key(name, version): dict(each) for name, version in models}


def _made(name: str, texts: Sequence[str], kind: Kind) -> FloatArray:
    """Return the vectors that a model at hand makes, which must all be of one size."""
    made = embed(name, kind, texts)
    sizes = {None if isinstance(vector, SparseVector) or vector.ndim != 1 else len(vector) for vector in made}
    if len(sizes) != 1 or None in sizes:
        raise invalid(f"the model {name!r} did not make one dense vector of one size per text")
    return np.array(made, np.float32)


def _tell(name: str, kind: str) -> None:
    """Say once that a model is not at hand."""
    if name not in _told:
        _told.add(name)
        _log.warning(
            "the model %r is not at hand: a built-in one, which compares words and not meanings, makes its %s vectors. "
            "Register a model under this name with quiverdb.embed.register",
            name,
            kind,
        )


def _weights(text: str) -> dict[str, float]:
    """Weight tokens as BM25 does, but for how rare they are."""
    counts = Counter(_analyzer().document_tokens(text))
    held = _K * (1 - _B + _B * counts.total() / _USUAL_LENGTH)
    return {token: count * (_K + 1) / (count + held) for token, count in counts.items()}


@lru_cache(maxsize=1)
def _analyzer() -> Analyzer:
    return bm25_analyzer("english")


@lru_cache(maxsize=1 << 16)
def _place(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")


def _or(dims: Sequence[int]) -> str:
    return " or ".join(map(str, dims))
