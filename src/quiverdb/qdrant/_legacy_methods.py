"""The client's methods that newer releases of the official client dropped, each in terms of the one that replaced it.

They keep the signatures of release 1.15.
"""

# ruff: noqa: ARG002 (`append_payload` has meant nothing for long)
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from quiverdb.qdrant import models
from quiverdb.qdrant._query_methods import QueryMethods
from quiverdb.qdrant._types import Filter, QueryInput, ReadConsistency, Settings, ShardKey, WithPayload, WithVectors
from quiverdb.qdrant._upload_methods import UploadMethods
from quiverdb.qdrant.errors import api_errors
from quiverdb.qdrant.request.legacy import discover_query, named_vector, recommend_query, request_of
from quiverdb.qdrant.request.parse import series

__all__ = ["LegacyMethods"]


class LegacyMethods(QueryMethods, UploadMethods):
    """Search and store the way of older programs."""

    def search(
        self,
        collection_name: str,
        query_vector: Any,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        score_threshold: float | None = None,
        append_payload: bool = True,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> list[models.ScoredPoint]:
        """Return the points nearest to a vector, given alone or with its name (legacy: use ``query_points``)."""
        using, vector = named_vector(query_vector)
        return self.query_points(
            collection_name,
            vector,
            using,
            query_filter=query_filter,
            search_params=search_params,
            limit=limit,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            consistency=consistency,
            shard_key_selector=shard_key_selector,
            timeout=timeout,
        ).points

    def search_batch(
        self,
        collection_name: str,
        requests: Sequence[models.SearchRequest | Settings],
        timeout: int | None = None,
        consistency: ReadConsistency | None = None,
    ) -> list[list[models.ScoredPoint]]:
        """Answer several searches (legacy: use ``query_batch_points``)."""
        return self._batch("SearchRequest", collection_name, requests, consistency, timeout)

    def search_groups(
        self,
        collection_name: str,
        query_vector: Any,
        group_by: str,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        group_size: int = 1,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        score_threshold: float | None = None,
        with_lookup: models.WithLookupInterface | Settings | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.GroupsResult:
        """Return the points nearest to a vector in groups (legacy: use ``query_points_groups``)."""
        using, vector = named_vector(query_vector)
        return self.query_points_groups(
            collection_name,
            group_by,
            vector,
            using,
            query_filter=query_filter,
            search_params=search_params,
            limit=limit,
            group_size=group_size,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            with_lookup=with_lookup,
            consistency=consistency,
            shard_key_selector=shard_key_selector,
            timeout=timeout,
        )

    def recommend(
        self,
        collection_name: str,
        positive: Sequence[QueryInput] | None = None,
        negative: Sequence[QueryInput] | None = None,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        offset: int = 0,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        score_threshold: float | None = None,
        using: str | None = None,
        lookup_from: models.LookupLocation | Settings | None = None,
        strategy: models.RecommendStrategy | str | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> list[models.ScoredPoint]:
        """Return points like the positive examples and unlike the negative ones (legacy: use ``query_points``)."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            query = recommend_query(positive, negative, strategy)
        return self.query_points(
            collection_name,
            query,
            using,
            query_filter=query_filter,
            search_params=search_params,
            limit=limit,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            lookup_from=lookup_from,
            consistency=consistency,
            shard_key_selector=shard_key_selector,
            timeout=timeout,
        ).points

    def recommend_batch(
        self,
        collection_name: str,
        requests: Sequence[models.RecommendRequest | Settings],
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
    ) -> list[list[models.ScoredPoint]]:
        """Answer several requests to recommend (legacy: use ``query_batch_points``)."""
        return self._batch("RecommendRequest", collection_name, requests, consistency, timeout)

    def recommend_groups(
        self,
        collection_name: str,
        group_by: str,
        positive: Sequence[QueryInput] | None = None,
        negative: Sequence[QueryInput] | None = None,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        group_size: int = 1,
        score_threshold: float | None = None,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        using: str | None = None,
        lookup_from: models.LookupLocation | Settings | None = None,
        with_lookup: models.WithLookupInterface | Settings | None = None,
        strategy: models.RecommendStrategy | str | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> models.GroupsResult:
        """Return points like and unlike examples in groups (legacy: use ``query_points_groups``)."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            query = recommend_query(positive, negative, strategy)
        return self.query_points_groups(
            collection_name,
            group_by,
            query,
            using,
            query_filter=query_filter,
            search_params=search_params,
            limit=limit,
            group_size=group_size,
            with_payload=with_payload,
            with_vectors=with_vectors,
            score_threshold=score_threshold,
            with_lookup=with_lookup,
            lookup_from=lookup_from,
            consistency=consistency,
            shard_key_selector=shard_key_selector,
            timeout=timeout,
        )

    def discover(
        self,
        collection_name: str,
        target: QueryInput | None = None,
        context: Sequence[models.ContextExamplePair | models.ContextPair | Settings] | None = None,
        query_filter: Filter | None = None,
        search_params: models.SearchParams | Settings | None = None,
        limit: int = 10,
        offset: int = 0,
        with_payload: WithPayload | None = True,
        with_vectors: WithVectors | None = False,
        using: str | None = None,
        lookup_from: models.LookupLocation | Settings | None = None,
        consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKey | None = None,
        timeout: int | None = None,
    ) -> list[models.ScoredPoint]:
        """Return the points near a target within the limits of a context (legacy: use ``query_points``)."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            query = discover_query(target, context)
        return self.query_points(
            collection_name,
            query,
            using,
            query_filter=query_filter,
            search_params=search_params,
            limit=limit,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            lookup_from=lookup_from,
            consistency=consistency,
            shard_key_selector=shard_key_selector,
            timeout=timeout,
        ).points

    def discover_batch(
        self,
        collection_name: str,
        requests: Sequence[models.DiscoverRequest | Settings],
        consistency: ReadConsistency | None = None,
        timeout: int | None = None,
    ) -> list[list[models.ScoredPoint]]:
        """Answer several requests to discover (legacy: use ``query_batch_points``)."""
        return self._batch("DiscoverRequest", collection_name, requests, consistency, timeout)

    def upload_records(
        self,
        collection_name: str,
        records: Iterable[models.Record],
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: ShardKey | None = None,
    ) -> None:
        """Store any number of records, batch by batch (legacy: use ``upload_points``)."""
        self.upload_points(
            collection_name, records, batch_size, parallel, method, max_retries, wait, shard_key_selector
        )

    def _batch(
        self,
        model: str,
        collection_name: str,
        requests: Sequence[Any],
        consistency: ReadConsistency | None,
        timeout: int | None,
    ) -> list[list[models.ScoredPoint]]:
        """Answer several requests of a ``model`` that is no more."""
        with api_errors:
            self._check_timeout(collection_name, timeout)
            batch = [request_of(model, request) for request in series(requests, "requests")]
        return [found.points for found in self.query_batch_points(collection_name, batch, consistency, timeout)]
