"""The client's methods for collections, their aliases, vectors and payload indexes."""

# ruff: noqa: ARG002 (arguments for clusters and deadlines change nothing on one node)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quiverdb.errors import InvalidInputError, NotFoundError
from quiverdb.model.write import CreateFieldIndex, DeleteFieldIndex, DeleteVector
from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant._types import QuantizationConfig, Settings, VectorsConfig
from quiverdb.qdrant.request.collections import (
    alias_changes,
    collection_patch,
    collection_spec,
    create_vector,
    field_index,
)
from quiverdb.qdrant.request.parse import string
from quiverdb.qdrant.response.collections import aliases_response, collection_info, collections_response
from quiverdb.qdrant.response.results import update_result

__all__ = ["CollectionMethods"]


class CollectionMethods(Connection):
    """Create, change, describe and delete collections."""

    @operation
    def create_collection(
        self,
        collection_name: str,
        vectors_config: VectorsConfig | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams | Settings] | None = None,
        shard_number: int | None = None,
        sharding_method: models.ShardingMethod | str | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        on_disk_payload: bool | None = None,
        hnsw_config: models.HnswConfigDiff | Settings | None = None,
        optimizers_config: models.OptimizersConfigDiff | Settings | None = None,
        wal_config: models.WalConfigDiff | Settings | None = None,
        quantization_config: QuantizationConfig | None = None,
        timeout: int | None = None,
        strict_mode_config: models.StrictModeConfig | Settings | None = None,
        metadata: Mapping[str, Any] | None = None,
        payload: models.PayloadStorageParams | Settings | None = None,
        id_tracker: models.IdTrackerParams | Settings | None = None,
    ) -> bool:
        """Create an empty collection."""
        spec = collection_spec(
            vectors=vectors_config,
            sparse_vectors=sparse_vectors_config,
            shard_number=shard_number,
            sharding_method=sharding_method,
            replication_factor=replication_factor,
            write_consistency_factor=write_consistency_factor,
            on_disk_payload=on_disk_payload,
            hnsw=hnsw_config,
            optimizers=optimizers_config,
            wal=wal_config,
            quantization=quantization_config,
            strict_mode=strict_mode_config,
            metadata=metadata,
            payload=payload,
            id_tracker=id_tracker,
        )
        self._database.create_collection(collection_name, spec)
        return True

    def recreate_collection(
        self,
        collection_name: str,
        vectors_config: VectorsConfig | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams | Settings] | None = None,
        shard_number: int | None = None,
        sharding_method: models.ShardingMethod | str | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        on_disk_payload: bool | None = None,
        hnsw_config: models.HnswConfigDiff | Settings | None = None,
        optimizers_config: models.OptimizersConfigDiff | Settings | None = None,
        wal_config: models.WalConfigDiff | Settings | None = None,
        quantization_config: QuantizationConfig | None = None,
        timeout: int | None = None,
        strict_mode_config: models.StrictModeConfig | Settings | None = None,
        metadata: Mapping[str, Any] | None = None,
        payload: models.PayloadStorageParams | Settings | None = None,
        id_tracker: models.IdTrackerParams | Settings | None = None,
    ) -> bool:
        """Delete the collection if it exists and create it anew."""
        settings = {name: value for name, value in locals().items() if name != "self"}
        self.delete_collection(collection_name, timeout)
        return self.create_collection(**settings)

    @operation
    def update_collection(
        self,
        collection_name: str,
        optimizers_config: models.OptimizersConfigDiff | Settings | None = None,
        collection_params: models.CollectionParamsDiff | Settings | None = None,
        vectors_config: Mapping[str, models.VectorParamsDiff | Settings] | None = None,
        hnsw_config: models.HnswConfigDiff | Settings | None = None,
        quantization_config: QuantizationConfig | models.Disabled | None = None,
        timeout: int | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams | Settings] | None = None,
        strict_mode_config: models.StrictModeConfig | Settings | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change settings of a collection; what is left out stays as it is."""
        patch = collection_patch(
            vectors=vectors_config,
            sparse_vectors=sparse_vectors_config,
            hnsw=hnsw_config,
            optimizers=optimizers_config,
            quantization=quantization_config,
            params=collection_params,
            strict_mode=strict_mode_config,
            metadata=metadata,
        )
        self._database.update_collection(collection_name, patch)
        return True

    @operation
    def delete_collection(self, collection_name: str, timeout: int | None = None) -> bool:
        """Delete a collection with all its points; tell whether it existed."""
        return self._database.delete_collection(collection_name)

    @operation
    def get_collection(self, collection_name: str) -> models.CollectionInfo:
        """Return the state, size and settings of a collection."""
        return collection_info(self._database.info(collection_name))

    @operation
    def get_collections(self) -> models.CollectionsResponse:
        """List the collections."""
        return collections_response(self._database.collection_names())

    @operation
    def collection_exists(self, collection_name: str) -> bool:
        """Tell whether there is a collection or an alias of this name."""
        return self._database.has_collection(collection_name)

    @operation
    def update_collection_aliases(
        self,
        change_aliases_operations: Sequence[
            models.CreateAliasOperation | models.RenameAliasOperation | models.DeleteAliasOperation | Settings
        ],
        timeout: int | None = None,
    ) -> bool:
        """Apply all changes of aliases, in order, or none."""
        self._database.update_aliases(alias_changes(change_aliases_operations))
        return True

    @operation
    def get_collection_aliases(self, collection_name: str) -> models.CollectionsAliasesResponse:
        """List the aliases of a collection."""
        if not self._database.has_collection(collection_name):
            raise NotFoundError(
                f"Collection `{collection_name}` doesn't exist!", kind="collection", name=collection_name
            )
        aliases = self._database.aliases()
        return aliases_response({alias: name for alias, name in aliases.items() if name == collection_name})

    @operation
    def get_aliases(self) -> models.CollectionsAliasesResponse:
        """List all aliases."""
        return aliases_response(self._database.aliases())

    @operation
    def create_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        vector_name_config: models.DenseVectorNameConfig | models.SparseVectorNameConfig | Settings,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Add a named vector, which no point has yet."""
        self._check_timeout(collection_name, timeout)
        operation = create_vector(string(vector_name, "vector_name"), vector_name_config)
        return update_result(self._database.write(collection_name, [operation], wait=wait)[0])

    @operation
    def delete_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Drop a named vector and what points have stored under it."""
        self._check_timeout(collection_name, timeout)
        return update_result(
            self._database.write(collection_name, [DeleteVector(string(vector_name, "vector_name"))], wait=wait)[0]
        )

    @operation
    def create_payload_index(
        self,
        collection_name: str,
        field_name: str,
        field_schema: models.PayloadFieldSchema | str | Settings | None = None,
        field_type: models.PayloadFieldSchema | str | Settings | None = None,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Index the values at a payload key; ``field_type`` is the old name of ``field_schema``."""
        self._check_timeout(collection_name, timeout)
        schema = field_type if field_schema is None else field_schema
        if schema is None:
            raise InvalidInputError("field_schema says what kind of index it shall be", field="field_schema")
        operation = CreateFieldIndex(string(field_name, "field_name"), field_index(schema))
        return update_result(self._database.write(collection_name, [operation], wait=wait)[0])

    @operation
    def delete_payload_index(
        self,
        collection_name: str,
        field_name: str,
        wait: bool = True,
        ordering: models.WriteOrdering | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Drop the index over a payload key."""
        self._check_timeout(collection_name, timeout)
        operation = DeleteFieldIndex(string(field_name, "field_name"))
        return update_result(self._database.write(collection_name, [operation], wait=wait)[0])
