"""The client's methods that tell which models can embed, and those of older programs that search by text.

A model is one of fastembed's, which takes the extra ``fastembed``, or registered with ``quiverdb.embed.register``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any
from uuid import UUID, uuid4

from quiverdb.embed import registry
from quiverdb.embed.fastembed import FAMILIES, Family
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant._collection_methods import CollectionMethods
from quiverdb.qdrant._query_methods import QueryMethods
from quiverdb.qdrant._types import Filter, PointId, QuantizationConfig, Settings
from quiverdb.qdrant._upload_methods import UploadMethods
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.fastembed_common import QueryResponse
from quiverdb.qdrant.request.parse import parse, string

__all__ = ["ModelMethods"]

_DEFAULT_MODEL = "BAAI/bge-small-en"
_DISTANCE = models.Distance.COSINE
_DENSE: tuple[Family, ...] = tuple(family for family in FAMILIES if family != "sparse")


class ModelMethods(CollectionMethods, QueryMethods, UploadMethods):
    """List models, and store and find texts with a chosen one."""

    _embedding_model: str | None = None
    _sparse_embedding_model: str | None = None
    _model_options: Mapping[str, Any] = {}
    _sparse_model_options: Mapping[str, Any] = {}

    @classmethod
    def list_text_models(cls) -> dict[str, tuple[int, models.Distance]]:
        """Return the models that make one vector of a text: their sizes and distances by name."""
        return _dense_models("text")

    @classmethod
    def list_image_models(cls) -> dict[str, tuple[int, models.Distance]]:
        """Return the models that make one vector of a picture: their sizes and distances by name."""
        return _dense_models("image")

    @classmethod
    def list_late_interaction_text_models(cls) -> dict[str, tuple[int, models.Distance]]:
        """Return the models that make a multivector of a text: their sizes and distances by name."""
        return _dense_models("late_interaction_text")

    @classmethod
    def list_late_interaction_multimodal_models(cls) -> dict[str, tuple[int, models.Distance]]:
        """Return the models that make a multivector of a text or a picture: their sizes and distances by name."""
        return _dense_models("late_interaction_multimodal")

    @classmethod
    def list_sparse_models(cls) -> dict[str, dict[str, Any]]:
        """Return the models that make a sparse vector of a text: their descriptions by name."""
        return {name: dict(info.description) for name, info in registry.model_infos("sparse").items()}

    def get_embedding_size(self, model_name: str) -> int:
        """Return the size of the vectors that a model makes; sparse vectors have none."""
        with api_errors:
            return _size_of(model_name)

    @property
    def embedding_model_name(self) -> str:
        """Tell which model ``add`` and ``query`` use (legacy: pass ``models.Document`` to the other methods)."""
        return self._embedding_model or _DEFAULT_MODEL

    @property
    def sparse_embedding_model_name(self) -> str | None:
        """Tell which sparse model ``add`` and ``query`` use besides (legacy)."""
        return self._sparse_embedding_model

    def set_model(
        self,
        /,
        embedding_model_name: str,
        max_length: int | None = None,  # noqa: ARG002
        cache_dir: str | None = None,
        threads: int | None = None,
        providers: Sequence[Any] | None = None,
        cuda: bool = False,
        device_ids: list[int] | None = None,
        lazy_load: bool = False,
        **kwargs: Any,
    ) -> None:
        """Choose and load the model for ``add`` and ``query`` (legacy); ``max_length`` changes nothing."""
        options = _given(
            cache_dir=cache_dir,
            threads=threads,
            providers=providers,
            cuda=cuda,
            device_ids=device_ids,
            lazy_load=lazy_load,
            **kwargs,
        )
        with api_errors:
            _size_of(embedding_model_name)
            registry.load(embedding_model_name, options=options)
        self._embedding_model, self._model_options = embedding_model_name, options

    def set_sparse_model(
        self,
        /,
        embedding_model_name: str | None,
        cache_dir: str | None = None,
        threads: int | None = None,
        providers: Sequence[Any] | None = None,
        cuda: bool = False,
        device_ids: list[int] | None = None,
        lazy_load: bool = False,
        **kwargs: Any,
    ) -> None:
        """Choose and load the sparse model for ``add`` and ``query``, or do without (legacy)."""
        options = _given(
            cache_dir=cache_dir,
            threads=threads,
            providers=providers,
            cuda=cuda,
            device_ids=device_ids,
            lazy_load=lazy_load,
            **kwargs,
        )
        if embedding_model_name is not None:
            with api_errors:
                if registry.families(string(embedding_model_name, "embedding_model_name")) - {"sparse"}:
                    raise InvalidInputError(
                        f"the model {embedding_model_name!r} makes no sparse vectors", field="embedding_model_name"
                    )
                registry.load(embedding_model_name, options=options)
        self._sparse_embedding_model, self._sparse_model_options = embedding_model_name, options

    def get_vector_field_name(self) -> str:
        """Return the name of the vector that ``add`` stores (legacy)."""
        return f"fast-{_short(self.embedding_model_name)}"

    def get_sparse_vector_field_name(self) -> str | None:
        """Return the name of the sparse vector that ``add`` stores, if there is a sparse model (legacy)."""
        name = self._sparse_embedding_model
        return None if name is None else f"fast-sparse-{_short(name)}"

    def get_fastembed_vector_params(
        self,
        on_disk: bool | None = None,
        quantization_config: QuantizationConfig | None = None,
        hnsw_config: models.HnswConfigDiff | Settings | None = None,
    ) -> dict[str, models.VectorParams]:
        """Return the vectors that a collection needs for ``add``, as ``create_collection`` takes them (legacy)."""
        with api_errors:
            size = _size_of(self.embedding_model_name)
        params = models.VectorParams(
            size=size,
            distance=_DISTANCE,
            on_disk=on_disk,
            quantization_config=quantization_config,  # type: ignore[arg-type]
            hnsw_config=hnsw_config,  # type: ignore[arg-type]
        )
        return {self.get_vector_field_name(): params}

    def get_fastembed_sparse_vector_params(
        self, on_disk: bool | None = None, modifier: models.Modifier | None = None
    ) -> dict[str, models.SparseVectorParams] | None:
        """Return the sparse vectors that a collection needs for ``add``, if there is a sparse model (legacy)."""
        name = self.get_sparse_vector_field_name()
        if name is None:
            return None
        if modifier is None and self._needs_idf():
            modifier = models.Modifier.IDF
        return {name: models.SparseVectorParams(index=models.SparseIndexParams(on_disk=on_disk), modifier=modifier)}

    def _needs_idf(self) -> bool:
        found = registry.model_infos("sparse").get(self._sparse_embedding_model or "")
        return found is not None and bool(found.description.get("requires_idf"))

    def add(
        self,
        /,
        collection_name: str,
        documents: Iterable[str],
        metadata: Iterable[Mapping[str, Any]] | None = None,
        ids: Iterable[PointId] | None = None,
        batch_size: int = 32,
        parallel: int | None = None,
        **kwargs: Any,
    ) -> list[PointId]:
        """Embed and store texts, in a new collection if there is none, and return their ids (legacy: use ``upsert``).

        The text goes into the payload as ``document``, next to the metadata. More arguments go to ``upload_points``.
        """
        if not self.collection_exists(collection_name):
            self.create_collection(
                collection_name,
                vectors_config=self.get_fastembed_vector_params(),
                sparse_vectors_config=self.get_fastembed_sparse_vector_params(),
            )
        with api_errors:
            self._check_vectors(self.get_collection(collection_name).config.params)
        added: list[PointId] = []
        points = self._text_points(documents, repeat({}) if metadata is None else metadata, ids, added)
        self.upload_points(collection_name, points, batch_size, parallel or 1, wait=True, **kwargs)
        return added

    def _check_vectors(self, params: models.CollectionParams) -> None:
        """Check that a collection has the vectors that ``add`` stores."""
        (name, wanted), *_ = self.get_fastembed_vector_params().items()
        found = params.vectors.get(name) if isinstance(params.vectors, dict) else None
        if found is None or (found.size, found.distance) != (wanted.size, wanted.distance):
            raise InvalidInputError(
                f"the collection needs a vector {name!r} of size {wanted.size} and distance {_DISTANCE.value}: "
                "create it with get_fastembed_vector_params()",
                field="vectors_config",
            )
        for sparse, settings in (self.get_fastembed_sparse_vector_params() or {}).items():
            present = (params.sparse_vectors or {}).get(sparse)
            if present is None or (self._needs_idf() and present.modifier != settings.modifier):
                raise InvalidInputError(
                    f"the collection needs a sparse vector {sparse!r}: "
                    "create it with get_fastembed_sparse_vector_params()",
                    field="sparse_vectors_config",
                )

    def _text_points(
        self,
        documents: Iterable[str],
        metadata: Iterable[Mapping[str, Any]],
        ids: Iterable[PointId] | None,
        added: list[PointId],
    ) -> Iterator[models.PointStruct]:
        """Yield texts as points, and note their ids in ``added``."""
        next_ids = iter(lambda: uuid4().hex, None) if ids is None else iter(ids)
        payloads = iter(metadata)
        for text in documents:
            id, payload = next(next_ids, None), next(payloads, None)
            if id is None or payload is None:
                raise InvalidInputError(
                    f"there are fewer {'ids' if id is None else 'metadata'} than documents", field="documents"
                )
            added.append(id)
            vectors: Any = dict(self._texts(text))
            yield models.PointStruct(id=id, vector=vectors, payload={"document": text, **payload})

    def _texts(self, text: str) -> Iterator[tuple[str, models.Document]]:
        """Yield what stands for the vectors of a text, by name: the dense one, and the sparse one if there is one."""
        yield (
            self.get_vector_field_name(),
            models.Document(text=text, model=self.embedding_model_name, options=dict(self._model_options)),
        )
        if (sparse := self.get_sparse_vector_field_name()) is not None and self._sparse_embedding_model is not None:
            options = dict(self._sparse_model_options)
            yield sparse, models.Document(text=text, model=self._sparse_embedding_model, options=options)

    def query(
        self,
        /,
        collection_name: str,
        query_text: str,
        query_filter: Filter | None = None,
        limit: int = 10,
        **kwargs: Any,
    ) -> list[QueryResponse]:
        """Return the texts stored by ``add`` that are nearest to a text (legacy: use ``query_points``).

        With a sparse model, the ranks in both searches are fused. More arguments go to ``query_points``.
        """
        return self.query_batch(collection_name, [query_text], query_filter, limit, **kwargs)[0]

    def query_batch(
        self,
        /,
        collection_name: str,
        query_texts: Sequence[str],
        query_filter: Filter | None = None,
        limit: int = 10,
        **kwargs: Any,
    ) -> list[list[QueryResponse]]:
        """Answer several texts as ``query`` does (legacy: use ``query_batch_points``).

        More arguments are fields of ``models.QueryRequest``, or ``with_vectors`` and ``search_params``.
        """
        renamed = {_FIELDS.get(name, name): value for name, value in kwargs.items()}
        with api_errors:
            requests = [self._text_request(text, query_filter, limit, renamed) for text in query_texts]
        dense, sparse = self.get_vector_field_name(), self.get_sparse_vector_field_name()
        found = self.query_batch_points(collection_name, requests)
        return [[_response(hit, dense, sparse) for hit in response.points] for response in found]

    def _text_request(self, text: str, filter: Any, limit: int, terms: Mapping[str, Any]) -> models.QueryRequest:
        queries = list(self._texts(text))
        shared = {"limit": limit, "with_payload": True, **terms}
        if len(queries) == 1:
            ((using, query),) = queries
            return _request(query=query, using=using, filter=filter, **shared)
        params = shared.pop("params", None)
        sources = [
            {"query": query, "using": using, "filter": filter, "limit": limit, "params": params}
            for using, query in queries
        ]
        return _request(prefetch=sources, query=models.FusionQuery(fusion=models.Fusion.RRF), **shared)


_FIELDS = {"with_vectors": "with_vector", "search_params": "params", "shard_key_selector": "shard_key"}


def _request(**fields: Any) -> models.QueryRequest:
    request: models.QueryRequest = parse("QueryRequest", fields)
    return request


def _response(hit: models.ScoredPoint, dense: str, sparse: str | None) -> QueryResponse:
    vectors: Any = hit.vector if isinstance(hit.vector, dict) else {}
    payload = hit.payload or {}
    return QueryResponse(
        id=str(hit.id) if isinstance(hit.id, UUID) else hit.id,
        embedding=vectors.get(dense),
        sparse_embedding=None if sparse is None else vectors.get(sparse),
        metadata=payload,
        document=payload.get("document", ""),
        score=hit.score,
    )


def _dense_models(family: Family) -> dict[str, tuple[int, models.Distance]]:
    infos = registry.model_infos(family)
    return {name: (info.size, _DISTANCE) for name, info in infos.items() if info.size is not None}


def _size_of(name: str) -> int:
    string(name, "model_name")
    for family in _DENSE:
        for info in registry.model_infos(family).values():
            if info.name.casefold() == name.casefold() and info.size is not None:
                return info.size
    if not registry.families(name):
        raise registry.unknown(name)
    raise InvalidInputError(f"the vectors of the model {name!r} have no fixed size", field="model_name")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, False)}


def _short(name: str) -> str:
    return name.split("/")[-1].lower()
