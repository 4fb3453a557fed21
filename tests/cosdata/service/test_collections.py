"""Collections: how they are created, described and deleted, beside those of other APIs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cosdata_world import World, creation

from quiverdb.cosdata.errors import ConflictError, NotFoundError, ServerError, ValidationError
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.layout import DENSE, HEAD, JOURNAL, MARK, RAW
from quiverdb.cosdata.service.service import Service
from quiverdb.database import AliasChange
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import ClosedError, StorageError, UnsupportedError
from quiverdb.model.collection import CollectionPatch, CollectionSpec, Distance, VectorSpec
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.write import OverwritePayload, Upsert

SCHEMA = {
    "fields": [{"name": "lang", "values": ["de", "en"]}],
    "supported_conditions": [{"op": "or", "field_names": ["lang"]}],
}


@pytest.fixture(params=["memory", "disk", "remote"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


def test_what_is_said_of_a_collection(world: World) -> None:
    made = world.service.call(
        "create_collection",
        creation(
            "full",
            dimension=8,
            description="d",
            sparse_vector={"enabled": True},
            tf_idf_options={"enabled": True},
            config={"max_vectors": 5, "replication_factor": None, "other": 1},
            metadata_schema=SCHEMA,
            store_raw_text=True,
        ),
    )
    assert made == {"id": "full", "name": "full", "description": "d"}
    listed = {
        "name": "full",
        "description": "d",
        "dense_vector": {"enabled": True, "dimension": 8},
        "sparse_vector": {"enabled": True},
        "tf_idf_options": {"enabled": True},
        "vectors_count": 0,
        "dimension": 8,
    }
    described = {
        **listed,
        "config": {"max_vectors": 5, "replication_factor": None},
        "metadata_schema": SCHEMA,
        "store_raw_text": True,
    }
    for _ in range(2):
        assert world.ask("get_collection", collection="full") == described
        assert world.ask("load_collection", collection="full") == described
        assert listed in world.service.call("list_collections", {})["collections"]
        world.reopen()
    status = world.ask("indexing_status", collection="full")
    assert status.pop("last_synced").endswith("Z")
    assert status == {
        "collection_name": "full",
        "total_transactions": 0,
        "completed_transactions": 0,
        "in_progress_transactions": 0,
        "not_started_transactions": 0,
        "total_records_indexed_completed": 0,
        "average_rate_per_second_completed": None,
    }


def test_what_need_not_be_said(world: World) -> None:
    world.service.call("create_collection", {"name": "few", "dense_vector": {"enabled": True, "dimension": 2}})
    described = world.ask("get_collection", collection="few")
    assert described["description"] is None
    assert described["metadata_schema"] is None
    assert described["store_raw_text"] is False
    assert described["sparse_vector"] == described["tf_idf_options"] == {"enabled": False}
    assert described["config"] == {"max_vectors": None, "replication_factor": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": None}, "missing field `name`"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name of a collection is a string"),
        ({"name": JOURNAL}, "name of a collection is a string other than"),
        ({"name": "loaded"}, "name of a collection is a string other than"),
        ({"name": "a\ud800"}, "not allowed|surrogates"),
        ({"name": "x" * 300}, "at most 255"),
        ({"dense_vector": None}, "missing field `dense_vector`"),
        ({"dense_vector": {"enabled": True}}, "missing field `dimension`"),
        ({"dense_vector": {"dimension": 3}}, "`dense_vector` is an object"),
        ({"dense_vector": 3}, "`dense_vector` is an object"),
        ({"dense_vector": {"enabled": True, "dimension": 0}}, "dimension of dense vectors is from 1"),
        ({"dense_vector": {"enabled": True, "dimension": 70000}}, "dimension of dense vectors is from 1"),
        ({"dense_vector": {"enabled": True, "dimension": "3"}}, "dimension of dense vectors is from 1"),
        ({"dense_vector": {"enabled": True, "dimension": True}}, "dimension of dense vectors is from 1"),
        ({"dense_vector": {"enabled": False, "dimension": -1}}, "dimension of dense vectors is from 1"),
        ({"sparse_vector": {"enabled": 1}}, "`sparse_vector` is an object"),
        ({"tf_idf_options": "yes"}, "`tf_idf_options` is an object"),
        ({"description": 5}, "description"),
        ({"store_raw_text": "yes"}, "`store_raw_text` is true or false"),
        ({"config": 5}, "`config` is an object"),
        ({"config": {"max_vectors": -1}}, "`max_vectors` is an integer"),
        ({"config": {"replication_factor": True}}, "`replication_factor` is an integer"),
        ({"metadata_schema": []}, "Invalid metadata schema"),
        ({"metadata_schema": {"fields": [], "other": object()}}, "`metadata_schema` .* object"),
        ({"metadata_schema": {"fields": [{"name": "a", "values": []}]}}, "Invalid metadata schema"),
    ],
)
def test_wrong_requests_create_nothing(world: World, arguments: dict[str, Any], words: str) -> None:
    before = world.database.collection_names()
    with pytest.raises(ValidationError, match=words) as caught:
        world.service.call("create_collection", {**creation("new"), **arguments})
    assert caught.value.status == 400
    assert world.database.collection_names() == before


def test_names_that_are_taken(world: World) -> None:
    world.stream([{"id": "a"}])
    with pytest.raises(ConflictError) as caught:
        world.service.call("create_collection", creation(world.name, dimension=9))
    assert str(caught.value) == "Collection with name 'docs' already exists"
    assert caught.value.status == 409
    world.check()


def test_deletion(world: World) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3]}])
    world.mark()
    world.stage([{"id": "b"}])
    assert world.ask("delete_collection") is None
    assert not world.service._context.transactions._open, "what was staged is let go of"
    with pytest.raises(NotFoundError) as caught:
        world.ask("delete_collection")
    assert caught.value.status == 400
    assert world.service.call("list_collections", {}) == {"collections": []}
    world.service.call("create_collection", creation(world.name, dimension=2))
    assert world.ask("get_collection")["vectors_count"] == 0
    assert not world.ask("vector_exists", id="a")
    assert world.ask("list_versions")["current_version"] == 0


@pytest.mark.parametrize(
    ("operation", "status", "sentence"),
    [
        ("get_collection", 400, "Collection Not Found!"),
        ("load_collection", 400, "Collection Not Found!"),
        ("list_versions", 400, "Collection Not Found!"),
        ("get_vector", 400, "Collection Not Found!"),
        ("vector_exists", 400, "Collection Not Found!"),
        ("indexing_status", 400, "Collection Not Found!"),
        ("list_indexes", 404, "Collection 'missing' not found"),
        ("create_dense_index", 404, "Collection 'missing' not found"),
        ("search_dense", 404, "Collection 'missing' not found"),
        (
            "stream_upsert",
            400,
            "Failed to upsert vectors due to Cache error: Collection 'missing' not found Not Found!",
        ),
    ],
)
def test_unknown_collections(world: World, operation: str, status: int, sentence: str) -> None:
    for name in ("missing", 5, ["docs"]):
        with pytest.raises(NotFoundError) as caught:
            world.ask(operation, collection=name)
        assert str(caught.value).startswith(sentence.replace("missing", str(name).strip()))
        assert caught.value.status == status


def test_loading(world: World) -> None:
    world.service.call("create_collection", creation("other"))
    assert world.service.call("loaded_collections", {}) == ["docs", "other"]
    assert world.ask("unload_collection", collection="other") == "Collection 'other' successfully unloaded"
    assert world.service.call("loaded_collections", {}) == ["docs"]
    world.ask("stream_upsert", collection="other", vectors=[{"id": "a"}])
    assert world.ask("vector_exists", collection="other", id="a"), "nothing becomes out of reach"
    world.ask("load_collection", collection="other")
    assert world.service.call("loaded_collections", {}) == ["docs", "other"]
    world.ask("unload_collection", collection="other")
    world.ask("delete_collection", collection="other")
    world.service.call("create_collection", creation("other"))
    assert world.service.call("loaded_collections", {}) == ["docs", "other"]


def test_collections_of_other_apis_are_not_seen_and_not_touched(world: World) -> None:
    world.database.create_collection("foreign", CollectionSpec({"": VectorSpec(4, Distance.DOT)}))
    assert [item["name"] for item in world.service.call("list_collections", {})["collections"]] == ["docs"]
    for operation in ("get_collection", "delete_collection", "list_versions", "create_transaction"):
        with pytest.raises(NotFoundError):
            world.ask(operation, collection="foreign")
    with pytest.raises(ConflictError):
        world.service.call("create_collection", creation("foreign"))
    assert world.database.has_collection("foreign")


@pytest.mark.parametrize("spoilt", ["head", "settings"])
def test_a_collection_that_another_api_spoilt_does_not_hide_others(spoilt: str) -> None:
    with EngineDatabase.open(":memory:") as database:
        service = Service(database)
        for name in ("bad", "good"):
            service.call("create_collection", creation(name))
            service.call("stream_upsert", {"collection": name, "vectors": [{"id": "a", "values": [1, 2, 3]}]})
        if spoilt == "head":
            database.write("bad", [OverwritePayload((HEAD,), {"x": 1})])
        else:
            database.update_collection("bad", CollectionPatch(metadata={MARK: {"x": 1}}))
        for operation in ("get_collection", "list_versions", "list_indexes", "delete_collection"):
            with pytest.raises(ServerError, match="'bad' was changed by another API"):
                service.call(operation, {"collection": "bad"})
        assert [one["name"] for one in service.call("list_collections", {})["collections"]] == ["good"]
        assert service.call("loaded_collections", {}) == ["good"]


def test_a_collection_that_is_deleted_while_all_are_listed_is_left_out() -> None:
    class Deleting(EngineDatabase):
        def count(self, name: str, *arguments: Any, **options: Any) -> int:
            if self.has_collection("b"):
                self.delete_collection("b")
            return super().count(name, *arguments, **options)

    with Deleting.open(":memory:") as database:
        service = Service(database)
        for name in "bc":
            service.call("create_collection", creation(name))
        assert [one["name"] for one in service.call("list_collections", {})["collections"]] == ["c"]


@pytest.mark.parametrize(
    ("operation", "arguments", "sentence"),
    [
        ("stream_upsert", {"vectors": [{"id": "a"}]}, "Failed to upsert vectors due to Cache error"),
        ("create_version", {}, "Collection Not Found!"),
        ("create_sparse_index", {}, "Collection 'docs' not found"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_a_collection_that_is_deleted_before_its_turn_is_missed(
    monkeypatch: pytest.MonkeyPatch, operation: str, arguments: dict[str, Any], sentence: str, again: bool
) -> None:
    """Also if there is another one of its name by then."""
    with EngineDatabase.open(":memory:") as database:
        service = Service(database)
        service.call("create_collection", creation("docs"))
        locked = Context.locked

        def deleting(context: Context, uids: Any) -> Any:
            monkeypatch.setattr(Context, "locked", locked)
            database.delete_collection("docs")
            if again:
                service.call("create_collection", creation("docs"))
            return locked(context, uids)

        monkeypatch.setattr(Context, "locked", deleting)
        with pytest.raises(NotFoundError, match=f"^{sentence}"):
            service.call(operation, {"collection": "docs", **arguments})


def test_points_of_another_api_are_passed_over() -> None:
    with EngineDatabase.open(":memory:") as database:
        service = Service(database)
        service.call("create_collection", creation("docs"))
        docs = {"collection": "docs"}
        service.call("create_dense_index", docs)
        row = DenseColumn(np.ones((1, 3), np.float32))
        database.write("docs", [Upsert(Points([7], {RAW: row, DENSE: row}, [{"document_id": "d"}]))])
        service.call("stream_upsert", {**docs, "vectors": [{"id": "a", "values": [1, 2, 3], "document_id": "d"}]})
        search = {**docs, "query_vector": [1, 1, 1]}
        for version in (None, service.call("create_version", docs)["version_number"]):
            at = {} if version is None else {"version": version}
            assert [hit["id"] for hit in service.call("search_dense", search | at)["results"]] == ["a"]
            found = service.call("find_vectors", {**docs, "document_id": "d", **at})
            assert [vector["id"] for vector in found] == ["a"]
        assert service.call("vector_neighbors", {**docs, "id": "a"}) == []


def test_an_alias_serves_as_a_name(world: World) -> None:
    world.database.update_aliases([AliasChange("alias", "docs")])
    world.ask("stream_upsert", collection="alias", vectors=[{"id": "a", "values": [1, 2, 3]}])
    assert world.ask("vector_exists", id="a")
    transaction = world.ask("create_transaction")["transaction_id"]
    with pytest.raises(ConflictError):
        world.ask("create_transaction", collection="alias")
    world.ask("add_to_transaction", collection="alias", transaction_id=transaction, vector={"id": "b"})
    world.ask("commit", transaction_id=transaction)
    assert world.ask("vector_exists", id="b")


def test_a_creation_that_was_cut_short_leaves_what_can_be_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StorageError("no space", path="there")

    with monkeypatch.context() as patch:
        patch.setattr(world.database, "write", fail)
        with pytest.raises(ServerError, match="no space"):
            world.service.call("create_collection", creation("cut", metadata_schema=SCHEMA))
    world.ask("stream_upsert", collection="cut", vectors=[{"id": "a", "document_id": "d", "metadata": {"lang": "de"}}])
    assert [vector["id"] for vector in world.ask("find_vectors", collection="cut", document_id="d")] == ["a"]


def test_failures_of_the_database_are_errors_of_this_api(monkeypatch: pytest.MonkeyPatch) -> None:
    from quiverdb import errors

    world = World("memory")
    for raised, kind, status in (
        (errors.InvalidInputError("bad"), ValidationError, 400),
        (errors.LimitError("too much", limit="max"), ValidationError, 400),
        (errors.StorageError("disk", path="p"), ServerError, 500),
        (errors.RateLimitedError("slow down", retry_after=1.0), ServerError, 429),
        (errors.RemoteError("away", status=503, url="u"), ServerError, 500),
        (errors.RemoteError("away", status=None, url="u"), ConnectionError, None),
        (errors.RefusedError("you may not", status=403), ValidationError, 403),
        (errors.NotFoundError("gone", kind="collection", name="docs"), NotFoundError, 400),
    ):

        def fail(*_: Any, error: Exception = raised, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(world.database, "retrieve", fail)
            with pytest.raises(kind) as caught:
                world.ask("get_vector", id="a")
            assert getattr(caught.value, "status", None) == status
            assert caught.value.__cause__ is not None
    for passed in (UnsupportedError("feature", "backend"), ClosedError("closed")):

        def refuse(*_: Any, error: Exception = passed, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(world.database, "retrieve", refuse)
            with pytest.raises(type(passed)):
                world.ask("get_vector", id="a")
    world.close()


def test_a_closed_database() -> None:
    database = EngineDatabase.open(":memory:")
    service = Service(database)
    database.close()
    with pytest.raises(ClosedError):
        service.call("list_collections", {})
