"""What callers may do: keys of VikingDB and of the service, for everything, for reading, and for some collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest
from vikingdb_wire import Wire

from quiverdb.engine.database import EngineDatabase
from quiverdb.server import quotas
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, Storage, VikingDB, VikingKey
from quiverdb.vikingdb.operations import OPERATIONS

TOKEN_KEY = "x" * 40
BODY = {
    "collection_name": "rows", "index_name": "rows_index", "CollectionName": "rows", "IndexName": "rows_index",
}  # fmt: skip
EVERYWHERE = {"embedding", "rerank", "list_collections"}
"""What is about no collection, or about all that one may see."""
READING = {name for name, row in OPERATIONS.items() if row.access == "read"}


class Everything:
    """A backend that can do everything and does nothing."""

    def call(self, operation: str, payload: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
        listed = [{"ProjectName": "default", "CollectionName": name} for name in ("rows", "texts")]
        page = {"Collections": listed, "Indexes": listed, "TotalCount": 2, "PageNumber": 1, "PageSize": 10}
        return {
            "api": "x", "code": "Success", "message": "", "request_id": options.request_id,
            "result": page if operation.startswith("list") else {},
        }  # fmt: skip

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def doors(locked: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with the keys, where all that is let in does nothing."""
    monkeypatch.setattr(locked.vikingdb, "_backend", Everything())
    return locked


def allowed(wire: Wire, **changed: str) -> set[str]:
    """Return the operations that are let in; those that are not are refused by the same code."""
    found = set()
    for name, row in OPERATIONS.items():
        ways = [wire.ask, *([wire.action] if row.action else [])]
        answers = [way(name, BODY | changed) for way in ways]
        assert {answer.status_code for answer in answers} in ({200}, {403}), answers[0].text
        for answer in answers:
            body = answer.json()
            if answer.status_code == 403:
                code = body["ResponseMetadata"]["Error"]["Code"] if "ResponseMetadata" in body else body["code"]
                assert code == "AccessDenied"
        if answers[0].status_code == 200:
            found.add(name)
    return found


def token(**claims: Any) -> str:
    return jwt.encode(claims, TOKEN_KEY, algorithm="HS256")


def test_some_may_do_everything(doors: Server) -> None:
    for who in (
        Wire(doors.url, "AK", "SK=="),
        Wire(doors.url, "LENT", "lent", "STSTOKEN"),
        Wire(doors.url, api_key="all"),
        Wire(doors.url, api_key=TOKEN_KEY),
        Wire(doors.url, headers={"api-key": TOKEN_KEY}),
        Wire(doors.url, api_key=token(access="m")),
        Wire(doors.vikingdb_url or "", api_key="all"),
    ):
        with who as wire:
            assert allowed(wire) == OPERATIONS.keys()


def test_some_may_only_read(doors: Server) -> None:
    for who in (
        Wire(doors.url, "READER", "read"),
        Wire(doors.url, api_key="reader"),
        Wire(doors.url, api_key=token(access="r")),
    ):
        with who as wire:
            assert allowed(wire) == READING


def test_some_have_some_collections(doors: Server) -> None:
    own = OPERATIONS.keys() - {"create_collection", "delete_collection"}
    with Wire(doors.url, "SOME", "some") as some, Wire(doors.url, api_key="look") as look:
        assert allowed(some) == own
        assert allowed(some, project_name="shop", ProjectName="shop") == own
        assert allowed(some, project_name="other", ProjectName="other") == EVERYWHERE
        assert allowed(some, collection_name="texts", CollectionName="texts") == EVERYWHERE
        assert allowed(look, collection_name="texts", CollectionName="texts") == READING
        assert allowed(look) == EVERYWHERE
        nameless = {"collection_name": "", "CollectionName": "", "resource_id": "r", "ResourceId": "r"}
        assert allowed(look, **nameless) == EVERYWHERE | {"list_indexes"}
        points = [{"collection": "rows", "access": "prw"}]
    with Wire(doors.url, api_key=token(access=points)) as writer:
        assert allowed(writer) == READING | {"upsert", "update", "delete"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer guess"},
        {"Authorization": "Bearer SK=="},
        {"Authorization": "all"},
        {"api-key": "all"},
        {"X-Top-Account-Id": "1", "X-Top-User-Id": "2", "X-Top-Role-Id": "data"},
    ],
)
def test_nobody_else_is_let_in(doors: Server, headers: dict[str, str]) -> None:
    with Wire(doors.url, headers=headers) as stranger:
        for row in OPERATIONS.values():
            answers = [stranger.ask(row.name, BODY), *([stranger.action(row.name, BODY)] if row.action else [])]
            assert {answer.status_code for answer in answers} == {401}
            assert answers[0].json()["code"] == "InvalidCredential"
        assert stranger.send("/api/vikingdb/nothing").status_code == 401
        assert stranger.send("/", query={"Action": "Nothing"}).status_code == 401
        for method in ("GET", "POST"):
            assert stranger.send("/api/vikingdb/Ping", method=method).status_code == 200


def test_a_resource_id_stands_for_a_name(locked: Server, owner: Wire) -> None:
    found = {name: owner.ask("get_collection", {"CollectionName": name}).json()["result"] for name in ("rows", "texts")}
    with Wire(locked.url, "SOME", "some") as some:
        mine, others = ({"resource_id": found[name]["ResourceId"], "ids": [1]} for name in ("rows", "texts"))
        assert some.ask("fetch_in_collection", mine).status_code == 200
        assert some.ask("fetch_in_collection", others).status_code == 403
        assert some.ask("fetch_in_collection", others | {"collection_name": "rows"}).status_code == 404
        assert some.ask("get_collection", {"ResourceId": found["texts"]["ResourceId"]}).status_code == 403


def test_lists_show_what_one_may_see(locked: Server, owner: Wire) -> None:
    names = ["alpha", "beta", "rows", "texts"]
    for name in names[:2]:
        owner.ask("create_collection", {"CollectionName": name, "Fields": [{"FieldName": "f", "FieldType": "int64"}]})

    def listed(wire: Wire, **asked: Any) -> tuple[list[str], int]:
        told = wire.action("list_collections", asked).json()["Result"]
        return [one["CollectionName"] for one in told["Collections"]], told["TotalCount"]

    with Wire(locked.url, "SOME", "some") as some, Wire(locked.url, api_key="look") as look:
        assert listed(owner) == (names, 4)
        assert listed(some) == (["rows"], 1)
        assert listed(look, PageSize=1) == (["texts"], 1)
        assert listed(look, PageSize=1, PageNumber=2) == ([], 1)
        assert listed(look, Filter={"CollectionNameKeyword": ["row"]}) == ([], 0)
        indexes = look.ask("list_indexes", {}).json()["result"]["Indexes"]
        assert [one["IndexName"] for one in indexes] == ["texts_index"]
        assert look.ask("list_indexes", {"PageSize": 0}).status_code == 400
    for name in names[:2]:
        assert owner.ask("delete_collection", {"CollectionName": name}).status_code == 200


def test_without_keys_anybody_is_let_in(wire: Wire, server: Server) -> None:
    fetch = {"collection_name": "rows", "ids": [1]}
    for who in (
        wire,
        Wire(server.url, "any", "any"),
        Wire(server.url, api_key="any"),
        Wire(server.url, headers={"Authorization": "any"}),
    ):
        assert who.ask("fetch_in_collection", fetch).status_code == 200
        assert who.ask("fetch_in_collection", fetch, at=0.0).status_code == 200
        if who is not wire:
            who.http.close()


def asked(settings: Settings, *, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        url = f"http://{host}:{server.port}/api/vikingdb/ListCollection"
        return httpx.post(url, json={}, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_headers_of_a_gateway_count_where_they_are_let() -> None:
    keys = (VikingKey(api_key="k"),)
    anywhere = Service(http_port=0, grpc_port=None)
    settings = Settings(service=anywhere, vikingdb=VikingDB(keys=keys, header_auth=True))
    assert asked(settings, X_Top_Account_Id="1").status_code == 200
    assert asked(settings, X_Top_User_Id="1").status_code == 401
    assert asked(settings, X_Top_Account_Id="1", Authorization="Bearer k").status_code == 200


def test_keys_of_vikingdb_lock_its_protocol_alone() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None), vikingdb=VikingDB(keys=(VikingKey(api_key="k"),)))
    assert asked(settings).status_code == 401
    assert asked(settings, Authorization="Bearer k").status_code == 200


def test_keys_of_the_service_lock_it_too() -> None:
    settings = Settings(service=Service(host="0.0.0.0", http_port=0, grpc_port=None, api_key="k"))
    assert asked(settings).status_code == 401
    assert asked(settings, Authorization="Bearer k").status_code == 200


def test_recovery_mode_leaves_deletions() -> None:
    service, storage = Service(http_port=0, grpc_port=None), Storage(recovery_mode="being repaired")
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database, Settings(service=service, storage=storage)) as s,
    ):
        s.vikingdb._backend = Everything()
        with Wire(s.url) as wire:
            answers = {name: wire.ask(name, BODY) for name in OPERATIONS}
            assert wire.send("/api/vikingdb/Ping").status_code == 200
    left = {name for name, answer in answers.items() if answer.status_code == 200}
    assert left == {"delete_collection", "delete_index"}
    assert {answer.json()["code"] for name, answer in answers.items() if name not in left} == {"ServiceUnavailable"}
    assert "being repaired" in answers["upsert"].json()["message"]


def test_a_quota_stops_what_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "resident_percent", lambda: 50)
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        server.vikingdb._backend = Everything()
        server.core.calls.quotas.set({"enabled": True, "max_resident_memory_percent": 40})
        with Wire(server.url) as wire:
            answers = {name: wire.ask(name, BODY) for name in OPERATIONS}
    stopped = {name for name, answer in answers.items() if answer.status_code == 507}
    assert stopped == {"create_collection", "update_collection", "create_index", "enable_index", "upsert", "update"}
    assert {answers[name].json()["code"] for name in stopped} == {"InsufficientStorage"}
