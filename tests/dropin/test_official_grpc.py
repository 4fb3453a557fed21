"""Messages and conversions by the official names are the official ones."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
import qdrant_client.grpc as official
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from official_examples import TO_MESSAGES, TO_MODELS, Pair, bare, official_messages, without_old_threads
from pydantic import BaseModel
from qdrant_client.conversions import conversion as their_conversion

from quiverdb import dropin
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant.official import conversion
from quiverdb.qdrant.official import grpc as ours
from quiverdb.qdrant.official.conversion import GrpcToRest, RestToGrpc
from quiverdb.wire.messages import message

PUBLIC = {name: value for name, value in vars(official).items() if not name.startswith("_")}
MESSAGES = sorted(name for name, value in PUBLIC.items() if isinstance(value, type) and hasattr(value, "DESCRIPTOR"))
ENUMS = sorted(name for name, value in PUBLIC.items() if isinstance(value, EnumTypeWrapper))
MEMBERS = sorted(name for name, value in PUBLIC.items() if type(value) is int)
SERVICES = sorted(name for name in PUBLIC if name.endswith(("Stub", "Servicer", "_to_server")))
STATIC = {"Collections", "Points", "Qdrant", "Snapshots"}
"""Classes that the official package has for experiments, and nobody was seen to use."""


def test_messages_have_the_official_names() -> None:
    assert len(MESSAGES) > 250
    for name in MESSAGES:
        cls = getattr(ours, name)
        assert cls.DESCRIPTOR.full_name == getattr(official, name).DESCRIPTOR.full_name
        assert cls is not getattr(official, name)
    assert set(MESSAGES) == set(ours.message_names())
    assert ours.PointsUpdateOperation.SetPayload.DESCRIPTOR.name == "SetPayload"


def test_enums_and_their_members_have_the_official_numbers() -> None:
    for name in ENUMS:
        assert dict(getattr(ours, name).items()) == dict(getattr(official, name).items())
    assert set(ENUMS) == set(ours.enum_names())
    assert len(MEMBERS) > 100
    for name in MEMBERS:
        assert getattr(ours, name) == getattr(official, name)
    assert ours.MaxOptimizationThreads.Setting.Auto == official.MaxOptimizationThreads.Setting.Auto


def test_nothing_else_is_missing() -> None:
    classes = {name for name, value in PUBLIC.items() if callable(value) and not inspect.ismodule(value)}
    assert classes - {*MESSAGES, *ENUMS, *SERVICES} == STATIC
    assert set(SERVICES) == set(ours.service_names())
    assert set(MESSAGES) <= set(dir(ours))
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = ours.Nothing


def test_stubs_and_servicers_talk_to_each_other() -> None:
    class Root(ours.QdrantServicer):
        def HealthCheck(self, request: Any, context: Any) -> Any:
            return ours.HealthCheckReply(title="test", version="1.2.3")

    server = grpc.server(ThreadPoolExecutor(1))
    ours.add_QdrantServicer_to_server(Root(), server)
    ours.add_SnapshotsServicer_to_server(ours.SnapshotsServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert ours.QdrantStub(channel).HealthCheck(ours.HealthCheckRequest()).version == "1.2.3"
            assert official.QdrantStub(channel).HealthCheck(official.HealthCheckRequest()).title == "test"
            with pytest.raises(grpc.RpcError) as caught:
                ours.SnapshotsStub(channel).ListFull(ours.ListFullSnapshotsRequest())
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    finally:
        server.stop(None).wait()


# --- conversions


def names(converters: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(converters, inspect.ismethod) if name.startswith("convert_")]


@pytest.mark.parametrize("theirs", [their_conversion.RestToGrpc, their_conversion.GrpcToRest])
def test_every_official_conversion_is_there(theirs: type) -> None:
    mine = getattr(conversion, theirs.__name__)
    for name in names(theirs):
        assert callable(getattr(mine, name)), name
    for name in ("convert_nothing", "nothing"):
        with pytest.raises(AttributeError, match=name):
            getattr(mine, name)


@pytest.mark.parametrize("pair", TO_MESSAGES, ids=lambda pair: pair.name)
def test_models_become_the_official_messages(pair: Pair) -> None:
    for model, theirs in official_messages(pair.name)[:4]:
        mine = getattr(RestToGrpc, pair.name)(model)
        assert mine.SerializeToString(deterministic=True) == again(mine, theirs)


def again(mine: Any, theirs: Any) -> bytes:
    """Return an official message as bytes in the order in which ours are."""
    data = without_old_threads(theirs).SerializeToString()
    return type(mine).FromString(data).SerializeToString(deterministic=True)


@pytest.mark.parametrize("pair", TO_MODELS, ids=lambda pair: pair.name)
def test_messages_become_the_official_models(pair: Pair) -> None:
    sources = [source for source in TO_MESSAGES if source.returned is pair.taken]
    exact = [source for source in sources if source.taken == pair.returned]
    for source in exact or sources:
        for _, theirs in official_messages(source.name)[:4]:
            try:
                model = getattr(their_conversion.GrpcToRest, pair.name)(theirs)
            except ValueError:  # it trips over shard keys
                continue
            mine = getattr(GrpcToRest, pair.name)(
                message(theirs.DESCRIPTOR.full_name).FromString(theirs.SerializeToString())
            )
            assert bare(mine) == bare(model)
            if isinstance(model, BaseModel):
                assert type(mine).__name__ == type(model).__name__
                assert type(mine).__module__.startswith("quiverdb.")


ENUM_CONVERSIONS = {
    "convert_collection_status": ("CollectionStatus", models.CollectionStatus),
    "convert_compression_ratio": ("CompressionRatio", models.CompressionRatio),
    "convert_datatype": ("Datatype", models.Datatype),
    "convert_direction": ("Direction", models.Direction),
    "convert_distance": ("Distance", models.Distance),
    "convert_fusion": ("Fusion", models.Fusion),
    "convert_memory": ("Memory", models.Memory),
    "convert_modifier": ("Modifier", models.Modifier),
    "convert_multivector_comparator": ("MultiVectorComparator", models.MultiVectorComparator),
    "convert_payload_schema_type": ("PayloadSchemaType", models.PayloadSchemaType),
    "convert_read_consistency_type": ("ReadConsistencyType", models.ReadConsistencyType),
    "convert_recommend_strategy": ("RecommendStrategy", models.RecommendStrategy),
    "convert_replica_state": ("ReplicaState", models.ReplicaState),
    "convert_resharding_direction": ("ReshardingDirection", models.ReshardingDirection),
    "convert_sample": ("Sample", models.Sample),
    "convert_shard_transfer_method": ("ShardTransferMethod", models.ShardTransferMethod),
    "convert_sharding_method": ("ShardingMethod", models.ShardingMethod),
    "convert_text_scoring_type": ("TextScoringType", models.TextScoringType),
    "convert_tokenizer_type": ("TokenizerType", models.TokenizerType),
    "convert_turbo_quant_bit_size": ("TurboQuantBitSize", models.TurboQuantBitSize),
    "convert_update_mode": ("UpdateMode", models.UpdateMode),
    "convert_binary_quantization_encoding": ("BinaryQuantizationEncoding", models.BinaryQuantizationEncoding),
}


@pytest.mark.parametrize("name", sorted(ENUM_CONVERSIONS))
def test_members_of_enums_are_converted(name: str) -> None:
    _, kind = ENUM_CONVERSIONS[name]
    their_kind = getattr(their_conversion.rest, kind.__name__)
    for member in kind:
        number = getattr(RestToGrpc, name)(member)
        assert number == getattr(their_conversion.RestToGrpc, name)(their_kind(member.value))
        assert getattr(GrpcToRest, name)(number) is member


def test_unknown_members_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="no member"):
        RestToGrpc.convert_distance("nearness")
    with pytest.raises(InvalidInputError, match="member 0 of Distance"):
        GrpcToRest.convert_distance(0)


def test_conversions_with_more_than_one_argument() -> None:
    asked = RestToGrpc.convert_query_request(models.QueryRequest(query=[0.5], limit=2), "docs")
    assert (asked.collection_name, asked.limit) == ("docs", 2)
    assert GrpcToRest.convert_query_points(asked).limit == 2
    change = RestToGrpc.convert_update_collection(models.UpdateCollection(metadata={"a": 1}), "docs")
    assert change.collection_name == "docs"
    vectors = RestToGrpc.convert_batch_vector_struct({"a": [[1.0], [2.0]]}, 2)
    assert [dict(vector.vectors.vectors)["a"].dense.data[0] for vector in vectors] == [1.0, 2.0]
    selector = RestToGrpc.convert_points_selector(models.PointIdsList(points=[1]))
    keys = RestToGrpc.convert_shard_key_selector("k")
    assert GrpcToRest.convert_points_selector(selector, keys) == models.PointIdsList(points=[1], shard_key="k")


def test_conversions_of_several_things() -> None:
    batch = models.PointsBatch(batch=models.Batch(ids=[1, 2], vectors=[[1.0], [2.0]]))
    assert [point.id.num for point in RestToGrpc.convert_point_insert_operation(batch)] == [1, 2]
    drop = models.DropReplicaOperation(drop_replica=models.Replica(shard_id=1, peer_id=2))
    replica = RestToGrpc.convert_cluster_operations(drop)
    assert type(replica) is ours.Replica
    assert GrpcToRest.convert_cluster_operations(replica) == drop
    assert RestToGrpc.convert_text_scoring_interface(False) is None
    schema = {"city": models.PayloadIndexInfo(data_type="keyword", points=3)}
    info = ours.CollectionInfo(payload_schema=RestToGrpc.convert_payload_schema(schema))
    assert GrpcToRest.convert_payload_schema(info.payload_schema) == schema


def test_payloads_are_converted() -> None:
    payload = {"a": 1, "b": [True, None, {"c": 2.5}]}
    point = ours.PointStruct(payload=conversion.payload_to_grpc(payload))
    assert conversion.grpc_to_payload(point.payload) == payload
    assert conversion.value_to_json(conversion.json_to_value(payload)) == payload


def test_types_of_fields_and_of_indexes_stand_for_each_other() -> None:
    for number in official.FieldType.values():
        schema = conversion.grpc_field_type_to_payload_schema(number)
        assert schema == their_conversion.grpc_field_type_to_payload_schema(number)
        assert conversion.grpc_payload_schema_to_field_type(schema) == number


def test_the_official_imports_find_them() -> None:
    with dropin.installed("qdrant_client", replace=True):
        from qdrant_client import grpc as found
        from qdrant_client.conversions.conversion import RestToGrpc as Found
        from qdrant_client.grpc.points_pb2 import PointStruct
    assert found.PointStruct is PointStruct is message("PointStruct")
    assert Found is RestToGrpc
