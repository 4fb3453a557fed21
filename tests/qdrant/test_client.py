"""The client on the embedded engine, in memory and on disk."""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from qdrant_client import models as official

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import ClosedError, InvalidInputError, QuiverError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import ApiException, UnexpectedResponse

DOT = models.VectorParams(size=2, distance=models.Distance.DOT)


@pytest.fixture(params=["memory", "disk"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") if request.param == "memory" else QdrantClient(path=str(tmp_path / "db")) as opened:
        yield opened


@pytest.fixture
def docs(client: QdrantClient) -> QdrantClient:
    client.create_collection("docs", DOT)
    client.upsert(
        "docs",
        [models.PointStruct(id=i, vector=[i, 1], payload={"n": i, "even": i % 2 == 0}) for i in range(1, 6)],
    )
    return client


def ids(points: Any) -> list[Any]:
    return [point.id for point in points]


EVEN = models.Filter(must=[models.FieldCondition(key="even", match=models.MatchValue(value=True))])


def test_query(docs: QdrantClient) -> None:
    found = docs.query_points("docs", [1.0, 0.0], limit=2).points
    assert [(point.id, point.score, point.payload) for point in found] == [
        (5, 5.0, {"n": 5, "even": False}),
        (4, 4.0, {"n": 4, "even": True}),
    ]
    assert found[0].vector is None


@pytest.mark.parametrize(
    "query",
    [
        [1.0, 0.0],
        (1.0, 0.0),
        np.array([1, 0]),
        models.NearestQuery(nearest=[1.0, 0.0]),
        official.NearestQuery(nearest=[1.0, 0.0]),
        {"nearest": [1.0, 0.0]},
    ],
)
def test_query_with_a_filter_of_any_origin(docs: QdrantClient, query: Any) -> None:
    theirs = official.Filter(must=[official.FieldCondition(key="even", match=official.MatchValue(value=True))])
    for written in (EVEN, theirs, {"must": [{"key": "even", "match": {"value": True}}]}):
        assert ids(docs.query_points("docs", query, query_filter=written).points) == [4, 2]


def test_query_options(docs: QdrantClient) -> None:
    found = docs.query_points(
        "docs",
        5,
        search_params=models.SearchParams(exact=True),
        limit=2,
        offset=1,
        with_payload=["n"],
        with_vectors=True,
        score_threshold=5.0,
        consistency="all",
        timeout=3,
    ).points
    assert [(point.id, point.payload, point.vector) for point in found] == [
        (3, {"n": 3}, [3.0, 1.0]),
        (2, {"n": 2}, [2.0, 1.0]),
    ]


def test_query_without_a_query_goes_by_id(docs: QdrantClient) -> None:
    assert ids(docs.query_points("docs", limit=3).points) == [1, 2, 3]


def test_batches_of_queries(docs: QdrantClient) -> None:
    requests = [
        models.QueryRequest(query=[1.0, 0.0], limit=1, with_payload=True),
        official.QueryRequest(query=[-1.0, 0.0], limit=1),
        {"query": [1.0, 0.0], "limit": 1, "filter": EVEN},
        models.Query(vector=[1.0, 0.0], limit=2),
    ]
    found = docs.query_batch_points("docs", requests)
    assert [ids(response.points) for response in found] == [[5], [1], [4], [5, 4]]
    assert [response.points[0].payload for response in found[:2]] == [{"n": 5, "even": False}, None]
    assert docs.query_points("docs", query_points=requests) == found


def test_groups(docs: QdrantClient) -> None:
    found = docs.query_points_groups("docs", group_by="n", query=[1.0, 0.0], limit=2, group_size=1).groups
    assert [(group.id, ids(group.hits)) for group in found] == [(5, [5]), (4, [4])]


def test_calls_of_old(docs: QdrantClient) -> None:
    assert ids(docs.search("docs", [1.0, 0.0], limit=2, offset=1)) == [4, 3]
    assert ids(docs.search("docs", ("", [1.0, 0.0]), query_filter=EVEN)) == [4, 2]
    assert 5 not in ids(docs.recommend("docs", positive=[5], limit=2))
    assert ids(docs.recommend("docs", positive=[[1.0, 0.0]], negative=[1], limit=1)) == [5]


def test_scroll_in_pages(docs: QdrantClient) -> None:
    page, offset = docs.scroll("docs", limit=3)
    assert (ids(page), offset) == ([1, 2, 3], 4)
    rest, end = docs.scroll("docs", limit=3, offset=offset, with_payload=False, with_vectors=True)
    assert (ids(rest), end) == ([4, 5], None)
    assert (rest[0].payload, rest[0].vector) == (None, [4.0, 1.0])
    assert ids(docs.scroll("docs", order_by=models.OrderBy(key="n", direction="desc"), limit=2)[0]) == [5, 4]
    assert ids(docs.scroll("docs", EVEN)[0]) == [2, 4]


def test_retrieve_count_facet(docs: QdrantClient) -> None:
    found = docs.retrieve("docs", [3, 99, 1], with_payload=models.PayloadSelectorExclude(exclude=["n"]))
    assert [(point.id, point.payload) for point in found] == [(3, {"even": False}), (1, {"even": False})]
    assert docs.count("docs").count == 5
    assert docs.count("docs", EVEN, exact=False).count == 2
    assert [(hit.value, hit.count) for hit in docs.facet("docs", "even").hits] == [(False, 3), (True, 2)]


def test_payloads(docs: QdrantClient) -> None:
    assert docs.set_payload("docs", {"x": 1}, [1]).status is models.UpdateStatus.COMPLETED
    docs.set_payload("docs", {"y": 2}, EVEN, wait=False)
    docs.overwrite_payload("docs", {"z": 3}, models.PointIdsList(points=[3]))
    docs.delete_payload("docs", ["even"], models.FilterSelector(filter=EVEN))
    docs.clear_payload("docs", [5])
    assert {point.id: point.payload for point in docs.scroll("docs")[0]} == {
        1: {"n": 1, "even": False, "x": 1},
        2: {"n": 2, "y": 2},
        3: {"z": 3},
        4: {"n": 4, "y": 2},
        5: {},
    }


def test_deletion(docs: QdrantClient) -> None:
    docs.delete("docs", models.PointIdsList(points=[1]))
    docs.delete("docs", [2])
    docs.delete("docs", EVEN)
    assert ids(docs.scroll("docs")[0]) == [3, 5]


def test_batches_of_writes(docs: QdrantClient) -> None:
    results = docs.batch_update_points(
        "docs",
        [
            models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=9, vector=[9.0, 1.0])])),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"a": 1}, points=[9])),
            official.DeleteOperation(delete=official.PointIdsList(points=[1, 2, 3])),
            {"delete_payload": {"keys": ["n"], "points": [4]}},
        ],
    )
    assert [result.status for result in results] == [models.UpdateStatus.COMPLETED] * 4
    assert {point.id: point.payload for point in docs.scroll("docs")[0]} == {
        4: {"even": True},
        5: {"n": 5, "even": False},
        9: {"a": 1},
    }


def test_named_vectors(client: QdrantClient) -> None:
    client.create_collection(
        "docs",
        {"a": DOT, "b": models.VectorParams(size=3, distance=models.Distance.EUCLID)},
        sparse_vectors_config={"s": models.SparseVectorParams()},
    )
    sparse = models.SparseVector(indices=[5, 1], values=[0.5, 1.0])
    client.upsert(
        "docs",
        [
            models.PointStruct(id=1, vector={"a": [1, 2], "s": sparse}),
            models.PointStruct(id=2, vector={"a": np.array([3.0, 4.0]), "b": [0, 0, 0]}),
        ],
    )
    client.update_vectors("docs", [models.PointVectors(id=1, vector={"b": [0, 0, 1]})])
    client.delete_vectors("docs", ["a"], [2])
    first, second = client.scroll("docs", with_vectors=True)[0]
    assert first.vector == {
        "a": [1.0, 2.0],
        "b": [0.0, 0.0, 1.0],
        "s": models.SparseVector(indices=[1, 5], values=[1.0, 0.5]),
    }
    assert second.vector == {"b": [0.0, 0.0, 0.0]}
    assert client.scroll("docs", with_vectors=["b"])[0][0].vector == {"b": [0.0, 0.0, 1.0]}
    assert ids(client.query_points("docs", sparse, using="s").points) == [1]
    assert ids(client.query_points("docs", [0, 0, 1], using="b").points) == [1, 2]


def test_update_modes(docs: QdrantClient) -> None:
    points = [models.PointStruct(id=i, vector=[0.0, 0.0], payload={"new": True}) for i in (5, 6)]
    docs.upsert("docs", points, update_mode=models.UpdateMode.INSERT_ONLY)
    assert [point.payload.get("new") for point in docs.retrieve("docs", [5, 6])] == [None, True]
    docs.upsert("docs", points[:1], update_filter=EVEN)
    assert docs.retrieve("docs", [5])[0].payload == {"n": 5, "even": False}
    docs.upsert("docs", points[:1], update_mode="update_only")
    assert docs.retrieve("docs", [5])[0].payload == {"new": True}


def test_a_batch_in_columns(client: QdrantClient) -> None:
    client.create_collection("docs", DOT)
    uuid = UUID(int=7)
    client.upsert("docs", models.Batch(ids=[1, uuid], vectors=[[1.0, 2.0], [3.0, 4.0]], payloads=[{"a": 1}, {}]))
    found = client.scroll("docs", with_vectors=True)[0]
    assert [(point.id, point.payload, point.vector) for point in found] == [
        (1, {"a": 1}, [1.0, 2.0]),
        (str(uuid), {}, [3.0, 4.0]),
    ]


def test_upload_of_an_array(client: QdrantClient) -> None:
    client.create_collection("docs", DOT)
    array = np.arange(6000, dtype=np.float32).reshape(3000, 2)
    told: list[tuple[int, int | None]] = []
    client.upload_collection(
        "docs",
        array,
        payload=({"i": i} for i in itertools.count()),
        ids=itertools.count(100),
        batch_size=1500,
        wait=True,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1500, 3000), (3000, 3000)]
    assert client.count("docs").count == 3000
    (last,) = client.retrieve("docs", [3099], with_vectors=True)
    assert (last.payload, last.vector) == ({"i": 2999}, [5998.0, 5999.0])


@pytest.mark.parametrize("parallel", [1, 2])
def test_upload_of_generators(client: QdrantClient, parallel: int) -> None:
    client.create_collection("docs", DOT)
    told: list[tuple[int, int | None]] = []
    points = (models.PointStruct(id=i, vector=[i, 0]) for i in range(2500))
    client.upload_points("docs", points, parallel=parallel, max_retries=1, progress=lambda *status: told.append(status))
    assert told == [(1024, None), (2048, None), (2500, None)]
    client.upload_collection("docs", ([0.0, float(i)] for i in range(10)))
    assert client.count("docs").count == 2510
    client.upload_points("docs", client.retrieve("docs", [7], with_vectors=True))


def test_limits_on_batches_are_respected(client: QdrantClient) -> None:
    client.create_collection("docs", DOT, strict_mode_config={"enabled": True, "upsert_max_batchsize": 100})
    told: list[int] = []
    client.upload_collection("docs", np.zeros((130, 2)), progress=lambda done, _: told.append(done))
    assert told == [64, 128, 130]


def test_collections(client: QdrantClient) -> None:
    assert client.create_collection("docs", DOT, metadata={"a": 1})
    assert client.collection_exists("docs")
    assert [description.name for description in client.get_collections().collections] == ["docs"]
    assert client.update_collection("docs", metadata={"b": 2}, hnsw_config={"ef_construct": 99})
    info = client.get_collection("docs")
    assert info.config.metadata == {"a": 1, "b": 2}
    assert info.config.hnsw_config.ef_construct == 99
    assert info.config.params.vectors == DOT
    assert (info.status, info.points_count) == (models.CollectionStatus.GREEN, 0)
    client.upsert("docs", [models.PointStruct(id=1, vector=[1, 2])])
    assert client.recreate_collection("docs", models.VectorParams(size=3, distance="Cosine"))
    assert client.get_collection("docs").config.params.vectors.size == 3
    assert client.count("docs").count == 0
    assert client.delete_collection("docs")
    assert not client.delete_collection("docs")
    assert not client.collection_exists("docs")


def test_aliases(docs: QdrantClient) -> None:
    create = models.CreateAliasOperation(create_alias={"collection_name": "docs", "alias_name": "a"})
    rename = models.RenameAliasOperation(rename_alias={"old_alias_name": "a", "new_alias_name": "b"})
    assert docs.update_collection_aliases([create, rename])
    assert docs.get_aliases().aliases == [models.AliasDescription(alias_name="b", collection_name="docs")]
    assert docs.get_collection_aliases("docs") == docs.get_aliases()
    assert docs.count("b").count == 5
    docs.update_collection_aliases([models.DeleteAliasOperation(delete_alias={"alias_name": "b"})])
    assert docs.get_aliases().aliases == []


def test_payload_indexes(docs: QdrantClient) -> None:
    docs.create_payload_index("docs", "n", models.PayloadSchemaType.INTEGER)
    docs.create_payload_index("docs", "even", field_type="bool")
    docs.create_payload_index("docs", "t", models.TextIndexParams(type="text", tokenizer="word"))
    schema = docs.get_collection("docs").payload_schema
    assert {key: field.data_type.value for key, field in schema.items()} == {
        "n": "integer",
        "even": "bool",
        "t": "text",
    }
    assert (schema["n"].points, schema["n"].params) == (5, None)
    assert schema["t"].params == models.TextIndexParams(type="text", tokenizer="word")
    docs.delete_payload_index("docs", "n")
    assert set(docs.get_collection("docs").payload_schema) == {"even", "t"}


def test_vector_names(docs: QdrantClient) -> None:
    docs.create_vector_name("docs", "b", models.DenseVectorNameConfig(dense={"size": 3, "distance": "Dot"}))
    docs.update_vectors("docs", [{"id": 1, "vector": {"b": [1, 2, 3]}}])
    assert set(docs.get_collection("docs").config.params.vectors) == {"", "b"}
    assert docs.retrieve("docs", [1], with_vectors=["b"])[0].vector == {"b": [1.0, 2.0, 3.0]}
    docs.delete_vector_name("docs", "b")
    assert docs.get_collection("docs").config.params.vectors == DOT


def test_version() -> None:
    with QdrantClient(":memory:") as client:
        assert client.info().version == "1.20.0"


def refused(call: Any) -> UnexpectedResponse:
    with pytest.raises(UnexpectedResponse) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_collection("nope"),
        lambda client: client.query_points("nope", [1.0]),
        lambda client: client.query_batch_points("nope", [models.QueryRequest(query=[1.0])]),
        lambda client: client.search("nope", [1.0]),
        lambda client: client.upsert("nope", [models.PointStruct(id=1, vector=[1.0])]),
        lambda client: client.upload_points("nope", []),
        lambda client: client.scroll("nope"),
        lambda client: client.retrieve("nope", [1]),
        lambda client: client.count("nope"),
        lambda client: client.delete("nope", [1]),
        lambda client: client.update_collection("nope"),
        lambda client: client.get_collection_aliases("nope"),
        lambda client: client.create_payload_index("nope", "a", "keyword"),
    ],
)
def test_a_missing_collection_is_404(client: QdrantClient, call: Any) -> None:
    error = refused(lambda: call(client))
    assert (error.status_code, error.reason_phrase) == (404, "Not Found")
    assert error.structured() == {"status": {"error": "Not found: Collection `nope` doesn't exist!"}, "time": 0.0}
    assert isinstance(error, ValueError | ApiException)
    assert isinstance(error.__cause__, QuiverError)
    assert "nope" in str(error)


@pytest.mark.parametrize(
    ("call", "status", "complaint"),
    [
        (lambda client: client.create_collection("docs", DOT), 409, "Wrong input: Collection `docs` already exists!"),
        (lambda client: client.query_points("docs", 99), 404, "Not found: No point with id 99 found"),
        (lambda client: client.query_points("docs", [1.0]), 400, "expected dim: 2, got 1"),
        (lambda client: client.query_points("docs", [1.0, 2.0], using="x"), 400, "x"),
        (lambda client: client.query_points("docs", ["a", "b"]), 400, "found 'a'"),
        (lambda client: client.query_points("docs", [float("nan"), 0.0]), 400, "NaN"),
        (lambda client: client.query_points("docs", "not a uuid"), 400, "valid point id"),
        (lambda client: client.query_points("docs", [1.0, 2.0], limit=0), 422, "limit"),
        (lambda client: client.query_points("docs", score_threshold=1.0), 400, "score_threshold"),
        (lambda client: client.query_points("docs", [1.0, 2.0], query_filter={"x": 1}), 400, "x"),
        (lambda client: client.query_points("docs", [1.0, 2.0], query_filter=5), 400, "got int"),
        (lambda client: client.query_points("docs", models.FusionQuery(fusion="rrf")), 400, "prefetch"),
        (lambda client: client.upsert("docs", [models.PointStruct(id=1, vector=[1.0])]), 400, "expected dim: 2, got 1"),
        (lambda client: client.upsert("docs", [{"id": 1}]), 400, "vector"),
        (lambda client: client.upsert("docs", [{"id": "x", "vector": [1.0, 2.0]}]), 400, "valid point id"),
        (lambda client: client.upsert("docs", [{"id": 1, "vector": {"x": [1.0]}}]), 400, "x"),
        (lambda client: client.upload_collection("docs", np.zeros((2, 3))), 400, "expected dim: 2, got 3"),
        (lambda client: client.upload_collection("docs", np.zeros((2, 2)), batch_size=0), 422, "batch_size"),
        (lambda client: client.upload_collection("docs", np.zeros((2, 2)), ids=["a", "b"]), 400, "valid point id"),
        (lambda client: client.retrieve("docs", [-1]), 400, "valid point id"),
        (lambda client: client.scroll("docs", order_by="n", offset=1), 400, "offset"),
        (lambda client: client.delete("docs", None), 400, "list of ids"),
        (lambda client: client.set_payload("docs", "x", [1]), 400, "dict"),
        (lambda client: client.batch_update_points("docs", [{"x": 1}]), 400, "UpdateOperation"),
        (lambda client: client.create_payload_index("docs", "n"), 400, "field_schema"),
        (lambda client: client.create_payload_index("docs", "n", "words"), 400, "words"),
        (lambda client: client.create_collection("a/b", DOT), 400, "not allowed"),
        (lambda client: client.create_collection("x", {"a:b": DOT}), 400, "not allowed"),
        (lambda client: client.create_collection("x", {"a": {"size": 0, "distance": "Dot"}}), 422, "size"),
        (lambda client: client.create_collection("x", {"a": {"size": 4, "distance": "Near"}}), 400, "distance"),
        (lambda client: client.search_matrix_pairs("docs", sample=1), 422, "sample"),
        (lambda client: client.update_collection_aliases([{"x": 1}]), 400, "AliasOperations"),
    ],
)
def test_wrong_requests_are_refused(docs: QdrantClient, call: Any, status: int, complaint: str) -> None:
    error = refused(lambda: call(docs))
    assert error.status_code == status
    assert complaint in error.structured()["status"]["error"]
    assert docs.count("docs").count == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.query_points("docs", [1.0, 2.0], limmit=1),
        lambda client: client.upsert("docs", [], unknown=1),
        lambda client: client.search("docs"),
        lambda client: client.get_collections("docs"),
        lambda _: QdrantClient(":memory:", locaton="x"),
    ],
)
def test_unknown_arguments_are_type_errors(docs: QdrantClient, call: Any) -> None:
    with pytest.raises(TypeError):
        call(docs)


@pytest.mark.parametrize(
    ("options", "server"),
    [
        ({}, "http://localhost:6333"),
        ({"host": "example.com", "port": 1}, "http://example.com:1"),
        ({"url": "http://x", "prefix": "a"}, "http://x:6333/a"),
        ({"location": "https://x"}, "https://x:6333"),
    ],
)
def test_a_client_of_a_server_sends_nothing_before_it_is_asked(options: dict[str, Any], server: str) -> None:
    with QdrantClient(**options, check_compatibility=False) as client:
        assert repr(client) == f"<QdrantClient {server}>"
    with pytest.raises(ClosedError):
        client.get_collections()


def test_only_one_location_may_be_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="location and path"):
        QdrantClient(":memory:", path=str(tmp_path))
    with pytest.raises(InvalidInputError, match="cloud_inference"):
        QdrantClient(":memory:", cloud_inference=True)


def test_memory_may_be_a_path() -> None:
    with QdrantClient(path=":memory:") as client:
        assert client.get_collections().collections == []
        assert repr(client) == "<QdrantClient :memory:>"


def test_options_make_the_same_client_again(tmp_path: Path) -> None:
    with QdrantClient(path=tmp_path, timeout=5) as client:
        options = client.init_options
        assert options["timeout"] == 5
        assert set(options) == set(official_options())
        client.create_collection("docs", DOT)
        with QdrantClient(**options) as other:
            assert other.collection_exists("docs")


def official_options() -> dict[str, Any]:
    import qdrant_client

    client = qdrant_client.QdrantClient(":memory:")
    try:
        return dict(client.init_options)
    finally:
        client.close()


def test_what_is_on_disk_stays(tmp_path: Path) -> None:
    with QdrantClient(path=str(tmp_path)) as client:
        client.create_collection("docs", DOT)
        client.upsert("docs", [models.PointStruct(id=1, vector=[1, 2], payload={"a": 1})])
    with QdrantClient(path=str(tmp_path)) as client:
        assert client.retrieve("docs", [1], with_vectors=True) == [
            models.Record(id=1, payload={"a": 1}, vector=[1.0, 2.0])
        ]


def test_clients_of_one_folder_share_it(tmp_path: Path) -> None:
    with QdrantClient(path=str(tmp_path)) as first, QdrantClient(path=str(tmp_path)) as second:
        first.create_collection("docs", DOT)
        first.close()
        assert second.collection_exists("docs")


def test_a_closed_client_says_so() -> None:
    client = QdrantClient(":memory:")
    client.close()
    client.close()
    assert repr(client) == "<QdrantClient :memory: closed>"
    with pytest.raises(ClosedError, match="make a new one"):
        client.get_collections()
    with pytest.raises(RuntimeError):
        client.query_points("docs", [1.0])


def test_a_given_database_is_left_open() -> None:
    with EngineDatabase.open(":memory:") as database:
        with QdrantClient(database=database) as client:
            client.create_collection("docs", DOT)
            assert "EngineDatabase" in repr(client)
        assert database.collection_names() == ["docs"]


def test_a_forgotten_client_of_a_folder_is_closed_with_a_warning(tmp_path: Path) -> None:
    client = QdrantClient(path=str(tmp_path))
    database = client._database
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert [warning.category for warning in told] == [ResourceWarning]
    with pytest.raises(ClosedError):
        database.collection_names()
