"""The operations that ask models only: ``embedding`` and ``rerank``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from quiverdb.packing import shortest
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import Vectorizer
from quiverdb.vikingdb.service.reading import check_keys, flag, integer, invalid, listing, mapping, missing, text
from quiverdb.vikingdb.service.rerank import relevance
from quiverdb.vikingdb.service.vectorize import dense, instructed, sparse, tensors, usage

__all__ = ["MODELS", "Ask"]

Ask: TypeAlias = Callable[[Context, Payload], Mapping[str, Any]]

_MOST = 10
_MOST_RERANKED = 200
_KINDS = ("dense", "sparse", "tensor")
_MEDIA = ("text", "image", "video")


class _Model(msgspec.Struct, frozen=True):
    """Hold a model that is asked, and what is put before every text for it."""

    kind: str
    vectorizer: Vectorizer
    instruction: str = ""


def _embedding(_service: Context, payload: Payload) -> Mapping[str, Any]:
    given = {key: value for key, value in payload.items() if value is not None}
    check_keys(given, (*(f"{kind}_model" for kind in _KINDS), "data", "project_name", "max_retry_time"), "the request")
    models = [_model(kind, given[f"{kind}_model"]) for kind in _KINDS if f"{kind}_model" in given]
    if not models:
        raise missing("dense_model, sparse_model or tensor_model")
    texts = _texts(given)
    made = {
        model.kind: _MAKERS[model.kind](model.vectorizer, [model.instruction + t for t in texts]) for model in models
    }
    names = [(model.vectorizer.model_name, model.vectorizer.model_version) for model in models]
    data = [{kind: _plain(vectors[i]) for kind, vectors in made.items()} for i in range(len(texts))]
    return {"data": data, "token_usage": usage(names, texts)}


def _rerank(_service: Context, payload: Payload) -> Mapping[str, Any]:
    given = {key: value for key, value in payload.items() if value is not None}
    known = (
        "project_name", "model_name", "model_version", "data", "query", "instruction", "return_origin_data",
        "max_retry_time",
    )  # fmt: skip
    check_keys(given, known, "the request")
    model = text(given.get("model_name"), "model_name")
    version = text(given["model_version"], "model_version") if "model_version" in given else None
    if "instruction" in given:
        text(given["instruction"], "instruction", empty=True)
    origin = flag(given.get("return_origin_data", False), "return_origin_data")
    query = _joined(given.get("query"), "query")
    sequences = listing(given.get("data"), "data", least=1, most=_MOST_RERANKED)
    texts = [_joined(sequence, f"data[{i}]") for i, sequence in enumerate(sequences)]
    scores = relevance(model, query, texts)
    ranked = sorted(range(len(texts)), key=lambda i: (-scores[i], i))
    data = [{"id": i, "score": scores[i], **({"origin_data": sequences[i]} if origin else {})} for i in ranked]
    return {"data": data, "token_usage": usage([(model, version)], [query, *texts])}


MODELS: Mapping[str, Ask] = {"embedding": _embedding, "rerank": _rerank}


def _model(kind: str, given: Any) -> _Model:
    where = f"{kind}_model"
    about = {key: value for key, value in mapping(given, where).items() if value is not None}
    known = ("name", "version", "dim", "instruction", *(("ndim", "shape") if kind == "tensor" else ()))
    check_keys(about, known, where)
    vectorizer = Vectorizer(
        model_name=text(about.get("name"), f"{where}.name"),
        model_version=text(about["version"], f"{where}.version") if about.get("version") else None,
        dim=integer(about["dim"], f"{where}.dim", 1) if "dim" in about and kind == "dense" else None,
    )
    if "instruction" not in about:
        return _Model(kind, vectorizer)
    instruction = mapping(about["instruction"], f"{where}.instruction")
    check_keys(instruction, ("content",), f"{where}.instruction")
    if not instructed(vectorizer):
        raise invalid(f"{where}.instruction: the model {vectorizer.model_name!r} takes no instruction")
    return _Model(kind, vectorizer, text(instruction.get("content"), f"{where}.instruction.content"))


def _texts(given: Payload) -> list[str]:
    data = listing(given.get("data"), "data", least=1, most=_MOST)
    found = []
    for i, item in enumerate(data):
        one = {key: value for key, value in mapping(item, f"data[{i}]").items() if value is not None}
        check_keys(one, (*_MEDIA, "full_modal_seq"), f"data[{i}]")
        if "full_modal_seq" not in one:
            found.append(_text(one, f"data[{i}]"))
            continue
        if len(data) > 1 or len(one) > 1:
            raise invalid("data takes one element with nothing but full_modal_seq, if it has that")
        found.append(_joined(one["full_modal_seq"], f"data[{i}].full_modal_seq"))
    return found


def _joined(sequence: Any, where: str) -> str:
    parts = listing(sequence, where, least=1)
    read = []
    for i, part in enumerate(parts):
        one = {key: value for key, value in mapping(part, f"{where}[{i}]").items() if value is not None}
        check_keys(one, _MEDIA, f"{where}[{i}]")
        read.append(_text(one, f"{where}[{i}]"))
    return "\n".join(read)


def _text(one: Mapping[str, Any], where: str) -> str:
    for media in ("image", "video"):
        if media in one:
            raise invalid(f"{where}.{media}: no model at hand makes vectors of it; give text")
    return text(one.get("text"), f"{where}.text")


_MAKERS: Mapping[str, Callable[[Vectorizer, Sequence[str]], Any]] = {
    "dense": dense,
    "sparse": sparse,
    "tensor": tensors,
}


def _plain(made: Any) -> Any:
    if isinstance(made, dict):
        return made
    return shortest(made) if made.ndim == 1 else [shortest(row) for row in made]
