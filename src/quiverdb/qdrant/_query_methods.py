"""The client's methods that search."""

# ruff: noqa: ARG002 (arguments for clusters and deadlines change nothing on one node)
from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from quiverdb.qdrant import models
from quiverdb.qdrant._connection import Connection
from quiverdb.qdrant._operation import operation
from quiverdb.qdrant._types import (
    Filter,
    Prefetch,
    QueryInput,
    ReadConsistency,
    Settings,
    ShardKey,
    WithPayload,
    WithVectors,
)
from quiverdb.qdrant.request import queries
from quiverdb.qdrant.response.results import (
    groups_result,
    query_response,
    search_matrix_offsets,
    search_matrix_pairs,
)

__all__ = ["QueryMethods"]


class QueryMethods(Connection):
    """Find points."""

    @operation
    def query_points(
        self,
        collection_name: str,
        query: QueryInput | None = None,
        using: str | None = None,
        prefetch: Prefetch | None = None,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        score_threshold: float | None = None,
        lookup_from: models.LookupLocation | Settings | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
        *,
        query_points: Sequence[models.QueryRequest | models.Query | Settings] | None = None,
    ) -> models.QueryResponse:
        """Return the points that answer a query best.

        With ``query_points``, return a list of answers, as ``query_batch_points`` does.
        """
        if query_points is not None:
            return self.query_batch_points(collection_name, query_points)  # type: ignore[return-value]
        self._check_timeout(collection_name, timeout)
        read = partial(
            queries.query_of,
            using=using,
            filter=query_filter,
            params=search_params,
            limit=limit,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            lookup_from=lookup_from,
            shard_key=shard_key_selector,
        )
        request = self._to_find(read, (query, prefetch))
        return query_response(self._database.query(collection_name, (request,))[0])

    @operation
    def query_batch_points(
        self,
        collection_name: str,
        requests: Sequence[models.QueryRequest | models.Query | Settings],
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
    ) -> list[models.QueryResponse]:
        """Answer several queries."""
        self._check_timeout(collection_name, timeout)
        batch = self._to_find(queries.query_requests, requests)
        return [query_response(hits) for hits in self._database.query(collection_name, batch)]

    @operation
    def query_points_groups(
        self,
        collection_name: str,
        group_by: str,
        query: QueryInput | None = None,
        using: str | None = None,
        prefetch: Prefetch | None = None,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        group_size: int = 3,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        score_threshold: float | None = None,
        with_lookup: models.WithLookupInterface | Settings | None = None,
        lookup_from: models.LookupLocation | Settings | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.GroupsResult:
        """Return the points that answer a query best, grouped by the values at a payload key."""
        self._check_timeout(collection_name, timeout)
        read = partial(
            queries.query_of,
            using=using,
            filter=query_filter,
            params=search_params,
            limit=limit,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            lookup_from=lookup_from,
            shard_key=shard_key_selector,
        )
        request = self._to_find(read, (query, prefetch))
        grouped = queries.groups(request, group_by=group_by, group_size=group_size, with_lookup=with_lookup)
        return groups_result(self._database.query_groups(collection_name, grouped))

    @operation
    def search_matrix_pairs(
        self,
        collection_name: str,
        query_filter: Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
        shard_key_selector: ShardKey | None = None,
    ) -> models.SearchMatrixPairsResponse:
        """Return the nearest neighbours within a random sample, as pairs of ids."""
        self._check_timeout(collection_name, timeout)
        request = queries.matrix(
            using=using, filter=query_filter, sample=sample, limit=limit, shard_key=shard_key_selector
        )
        return search_matrix_pairs(self._database.matrix(collection_name, request))

    @operation
    def search_matrix_offsets(
        self,
        collection_name: str,
        query_filter: Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
        shard_key_selector: ShardKey | None = None,
    ) -> models.SearchMatrixOffsetsResponse:
        """Return the nearest neighbours within a random sample, as a sparse matrix."""
        self._check_timeout(collection_name, timeout)
        request = queries.matrix(
            using=using, filter=query_filter, sample=sample, limit=limit, shard_key=shard_key_selector
        )
        return search_matrix_offsets(self._database.matrix(collection_name, request))
