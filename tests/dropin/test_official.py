"""What only programs written for the official package ask for does what it does there."""

from __future__ import annotations

import asyncio
import importlib
import random
import typing
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import qdrant_client
from qdrant_client.common import version_check as their_versions
from qdrant_client.conversions import common_types as their_types
from qdrant_client.hybrid import fusion as their_fusion
from qdrant_client.local import datetime_utils as their_dates
from qdrant_client.local import order_by as their_order
from qdrant_client.local import sparse as their_sparse

from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.qdrant.official import (
    MODULES,
    context_headers,
    fusion,
    migration,
    pydantic_compat,
    remote,
    values,
    version_check,
)
from quiverdb.qdrant.official.bases import AsyncQdrantBase, QdrantBase
from quiverdb.qdrant.official.local import AsyncQdrantLocal, QdrantLocal
from quiverdb.wire.routes import ROUTES

LACKING = {
    "connection": {"create_generic_async_client_interceptor", "create_generic_client_interceptor"},
    "fastembed_common": {"FastEmbedMisc"},
    "conversions.common_types": {"remap_type"},
    **{f"grpc.{name.lower()}_service_pb2_grpc": {name} for name in ("Collections", "Points", "Snapshots")},
    "grpc.qdrant_pb2_grpc": {"Qdrant"},
    "http.api_client": {"BaseAsyncMiddleware", "BaseMiddleware", "quote_path_params"},
    "local.datetime_utils": {"normalize"},
    "uploader.grpc_uploader": {"convert_vector_struct"},
    **{f"http.api.{group}": {"jsonable_encoder", "to_json"} for group in ROUTES},
}
"""Functions and classes of the official modules that nobody was seen to import."""


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_offer_what_the_official_ones_define(name: str) -> None:
    module = importlib.import_module(f"qdrant_client.{name}".rstrip("."))
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    sources = [importlib.import_module(source) for source in MODULES[name]]
    assert {key for key in defined if not any(hasattr(source, key) for source in sources)} == LACKING.get(name, set())


def test_types_have_the_official_names_and_can_be_asked_for() -> None:
    sources = [importlib.import_module(source) for source in MODULES["conversions.common_types"]]
    for name in vars(their_types):
        if name[0].isupper() and name not in ("Literal", "Sequence", "TypeAlias", "Union", "UUID"):
            assert any(hasattr(source, name) for source in sources), name
    ours = sources[0]
    for name in ("AliasOperations", "Distance"):
        assert not isinstance("x", getattr(ours, name))
    assert isinstance(1, ours.PointId)
    assert not isinstance(1.5, ours.PointId)
    assert ours.get_args_subscribed(ours.PointId) == typing.get_args(ours.PointId)
    assert list in ours.get_args_subscribed(ours.PointsSelector)


# --- what clients are


def test_the_classes_that_programs_ask_for(tmp_path: Any) -> None:
    with QdrantClient(":memory:") as client, QdrantClient(path=tmp_path) as stored:
        for one in (client, stored):
            assert isinstance(one, QdrantBase)
            assert isinstance(one._client, QdrantBase)
            assert isinstance(one._client, QdrantLocal)
            assert not isinstance(one._client, AsyncQdrantLocal | remote.QdrantRemote)
        assert client._client.get_collections() == client.get_collections()
    twin = AsyncQdrantClient(":memory:")
    assert isinstance(twin, AsyncQdrantBase)
    assert isinstance(twin._client, AsyncQdrantLocal)
    assert not isinstance(twin._client, QdrantLocal | remote.AsyncQdrantRemote)
    assert asyncio.run(twin._client.get_collections()) == asyncio.run(twin.get_collections())
    asyncio.run(twin.close())


def test_a_local_client_is_made_as_officially(tmp_path: Any) -> None:
    for location in (":memory:", str(tmp_path)):
        local = QdrantLocal(location=location, force_disable_check_same_thread=True)
        assert local.create_collection("a", models.VectorParams(size=1, distance=models.Distance.DOT))
        assert repr(local).startswith("<QdrantLocal of <QdrantClient")
        with pytest.raises(AttributeError):
            _ = local.nothing
        local.close()


def test_a_test_double_implements_what_it_likes() -> None:
    class Double(QdrantBase):
        def count(self, collection_name: str, **kwargs: Any) -> int:
            return 7

    double = Double(anything=1)
    assert double.count("a") == 7
    with pytest.raises(NotImplementedError, match="Double does not implement upsert"):
        double.upsert("a", [])
    with pytest.raises(AttributeError):
        _ = double.nothing


# --- what functions do

TEXTS = ["2024-01-01", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00.1234567+01:00", "2024-01-01T10:00", "soon", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_dates(text: str) -> None:
    assert values.parse(text) == their_dates.parse(text)
    assert values.parse("+200000-01-01") is None


@pytest.mark.parametrize(
    "value",
    [
        *TEXTS,
        None,
        True,
        3,
        2.5,
        [1],
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3, 4),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(1960, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_order_values(value: Any) -> None:
    assert values.to_order_value(value) == their_order.to_order_value(value)


@pytest.mark.parametrize(
    ("indices", "entries"),
    [
        ([1, 2], [1.0, 2.0]),
        ([], []),
        ([1], [1.0, 2.0]),
        ([1, 2], [1.0, float("nan")]),
        ([1, 1], [1.0, 2.0]),
        ([2**32], [1]),
    ],
)
def test_sparse_vectors(indices: list[int], entries: list[float]) -> None:
    ours = models.SparseVector.model_construct(indices=indices, values=entries)
    theirs = qdrant_client.models.SparseVector.model_construct(indices=indices, values=entries)
    try:
        their_sparse.validate_sparse_vector(theirs)
    except ValueError:
        with pytest.raises(ValueError, match=r"indices|values"):
            values.validate_sparse_vector(ours)
    else:
        values.validate_sparse_vector(ours)


def test_sparse_vectors_are_sorted() -> None:
    vector = models.SparseVector(indices=[3, 1, 2], values=[0.3, 0.1, 0.2])
    assert not values.is_sorted(vector)
    ordered = values.sort_sparse_vector(vector)
    assert (list(ordered.indices), list(ordered.values)) == ([1, 2, 3], [0.1, 0.2, 0.3])
    assert values.is_sorted(ordered)
    assert values.copy_sparse_vector(vector) == vector
    assert list(values.empty_sparse_vector().indices) == []


@pytest.mark.parametrize(
    ("ours", "server"), [("1.20.0", "1.19.1"), ("1.20", "1.18.0"), ("2.0.0", "1.20.0"), ("x", "1.2.3"), (None, "1.2.3")]
)
def test_versions(ours: Any, server: Any) -> None:
    assert version_check.is_compatible(ours, server) == their_versions.is_compatible(ours, server)


def test_a_version_that_is_none() -> None:
    for parse in (version_check.parse_version, their_versions.parse_version):
        for text in ("x.y", ""):
            with pytest.raises(ValueError, match=r"\w"):
                parse(text)


def responses(kinds: Any, seed: int) -> list[list[Any]]:
    dice = random.Random(seed)
    return [
        [
            kinds.ScoredPoint(id=id, version=0, score=score)
            for id, score in zip(
                dice.sample(range(9), count), sorted(dice.choices(range(5), k=count), reverse=True), strict=True
            )
        ]
        for count in (6, 1, 4)
    ]


def shown(hits: list[Any]) -> list[tuple[Any, float]]:
    return [(hit.id, pytest.approx(hit.score, abs=1e-6)) for hit in hits]


@pytest.mark.parametrize("seed", range(8))
def test_fusion(seed: int) -> None:
    ours, theirs = responses(models, seed), responses(qdrant_client.models, seed)
    for options in ({}, {"limit": 3, "ranking_constant_k": 60}, {"weights": [1.0, 3.0, 0.5]}):
        want = their_fusion.reciprocal_rank_fusion(theirs, **options)
        assert shown(want) == [(hit.id, hit.score) for hit in fusion.reciprocal_rank_fusion(ours, **options)]
        theirs = responses(qdrant_client.models, seed)  # they are changed in place
    got = fusion.distribution_based_score_fusion(ours, 6)
    want = their_fusion.distribution_based_score_fusion(theirs, 6)
    assert shown(want) == [(hit.id, hit.score) for hit in got]


def test_fusion_of_nothing_and_with_wrong_weights() -> None:
    assert fusion.reciprocal_rank_fusion([]) == fusion.reciprocal_rank_fusion([[]]) == []
    assert fusion.distribution_based_score_fusion([[]], 3) == []
    with pytest.raises(ValueError, match="weights"):
        fusion.reciprocal_rank_fusion([[]], weights=[1.0, 2.0])


def test_headers_hold_within_a_block() -> None:
    async def asynchronous() -> dict[str, str]:
        async with context_headers.async_headers({"b": "2"}):
            return context_headers.get_context_headers()

    with context_headers.headers({"a": "1"}):
        assert asyncio.run(asynchronous()) == {"a": "1", "b": "2"}
        with context_headers.headers({"a": "3"}):
            assert context_headers.get_context_headers() == {"a": "3"}
    assert context_headers.get_context_headers() == {}


def test_collections_are_copied_by_a_function() -> None:
    with QdrantClient(":memory:") as source, QdrantClient(":memory:") as target:
        source.create_collection("a", models.VectorParams(size=1, distance=models.Distance.DOT))
        migration.migrate(source, target, ["a"])
        assert target.collection_exists("a")


def test_helpers_around_pydantic() -> None:
    model = pydantic_compat.construct(models.PointStruct, id=1, vector=[1.0])
    assert pydantic_compat.to_dict(model)["id"] == 1
    assert pydantic_compat.model_fields_set(pydantic_compat.model_copy(model)) == {"id", "vector"}
    assert "vector" in pydantic_compat.model_fields(models.PointStruct)
    assert pydantic_compat.model_json_schema(models.VersionInfo)["title"] == "VersionInfo"
    assert pydantic_compat.model_config(models.VersionInfo)
    assert pydantic_compat.to_jsonable_python(models.Distance.DOT) == "Dot"
    pydantic_compat.update_forward_refs(models.PointStruct)


def test_repeated_warnings_are_given_once(recwarn: pytest.WarningsRecorder) -> None:
    from quiverdb.qdrant.official.client_warnings import show_warning_once

    with pytest.warns(UserWarning, match="once"):
        show_warning_once("once", idx="test of warnings")
    show_warning_once("once", idx="test of warnings")
    assert not recwarn.list
