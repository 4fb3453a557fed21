"""Quantization and memory settings through the client: reported back as given, changed, removed, refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

RATIOS = list(models.CompressionRatio)
SETTINGS = [
    models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)),
    models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    ),
    *(models.ProductQuantization(product=models.ProductQuantizationConfig(compression=ratio)) for ratio in RATIOS),
    models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
    *(
        models.BinaryQuantization(
            binary=models.BinaryQuantizationConfig(
                encoding=encoding, query_encoding=models.BinaryQuantizationQueryEncoding.SCALAR4BITS
            )
        )
        for encoding in models.BinaryQuantizationEncoding
    ),
    *(
        models.TurboQuantization(turbo=models.TurboQuantQuantizationConfig(bits=bits, memory=models.Memory.PINNED))
        for bits in models.TurboQuantBitSize
    ),
]
SIZE = models.VectorParams(size=4, distance=models.Distance.DOT)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        yield client


def collection_level(client: QdrantClient) -> Any:
    return client.get_collection("c").config.quantization_config


def vector_level(client: QdrantClient) -> Any:
    params = client.get_collection("c").config.params.vectors
    assert isinstance(params, dict)
    return params["v"].quantization_config


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_settings_are_reported_as_given(client: QdrantClient, setting: Any) -> None:
    own = SIZE.model_copy(update={"quantization_config": setting})
    client.create_collection("c", vectors_config={"v": own, "w": SIZE}, quantization_config=setting)
    assert collection_level(client) == setting
    assert vector_level(client) == setting
    assert client.get_collection("c").config.params.vectors["w"].quantization_config is None

    off = models.Disabled.DISABLED
    client.update_collection("c", quantization_config=off)
    assert (collection_level(client), vector_level(client)) == (None, setting)
    client.update_collection("c", vectors_config={"v": models.VectorParamsDiff(quantization_config=off)})
    assert (collection_level(client), vector_level(client)) == (None, None)
    client.update_collection(
        "c", quantization_config=setting, vectors_config={"v": models.VectorParamsDiff(quantization_config=setting)}
    )
    assert (collection_level(client), vector_level(client)) == (setting, setting)


def test_a_new_kind_replaces_the_old_one(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config={"v": SIZE}, quantization_config=SETTINGS[1])
    for setting in (SETTINGS[2], SETTINGS[-1]):
        client.update_collection("c", quantization_config=setting)
        assert collection_level(client) == setting


@pytest.mark.parametrize("oversampling", [0.5, float("nan"), float("inf")])
def test_wrong_oversampling_is_refused(client: QdrantClient, oversampling: float) -> None:
    client.create_collection("c", vectors_config=SIZE, quantization_config=SETTINGS[0])
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0, 4.0])])
    with pytest.raises((UnexpectedResponse, ValidationError), match="oversampling"):
        client.query_points(
            "c",
            [1.0, 0.0, 0.0, 0.0],
            search_params=models.SearchParams(quantization=models.QuantizationSearchParams(oversampling=oversampling)),
        )


@pytest.mark.parametrize("quantile", [0.2, 1.5, -1.0, float("nan")])
def test_wrong_quantiles_are_refused(client: QdrantClient, quantile: float) -> None:
    with pytest.raises((UnexpectedResponse, ValidationError), match="quantile"):
        client.create_collection(
            "c",
            vectors_config=SIZE,
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=quantile)
            ),
        )
    assert not client.collection_exists("c")
