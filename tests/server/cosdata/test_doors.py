"""Every route is locked but the login and the description, by tokens and by the keys of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import jwt
import pytest
from cosdata_calls import token

from quiverdb.cosdata.operations import LEGACY_PATHS, OPERATIONS
from quiverdb.engine.database import EngineDatabase
from quiverdb.server import quotas
from quiverdb.server.cosdata.sessions import Attempts
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Cosdata, Service, Settings, Storage

KEY = "x" * 40
STEPS = {"collection": "c", "transaction_id": "0x0000000A", "id": "v", "version": "3", "index_type": "dense"}
LOGIN, ABOUT = "/auth/create-session", "/api-docs/openapi.json"
ROUTES = [
    *((row.method, row.path, row.access) for row in OPERATIONS.values() if row.name != "create_session"),
    *((method, path, OPERATIONS[name].access) for (method, path), (name, _) in LEGACY_PATHS.items()),
]
HTTP = httpx.Client(timeout=30)
INVALID = (401, "Invalid auth token!")
RESULTS = {"list_collections": {"collections": [{"name": "c"}, {"name": "d"}]}, "loaded_collections": ["c", "d"]}
BODY = {"transactions": [{"collection": "c", "transaction_id": "0x00000001"}]}


class Everything:
    """A backend that can do everything and does nothing."""

    def call(self, operation: str, arguments: object) -> object:
        return {
            "list_collections": {"collections": [{"name": "c"}, {"name": "d"}]},
            "loaded_collections": ["c", "d"],
        }.get(operation, True)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module", autouse=True)
def no_connection_is_left() -> Iterator[None]:
    yield
    HTTP.close()


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    service = Service(http_port=0, grpc_port=None, api_key=KEY, read_only_api_key="reader", jwt_rbac=True)
    settings = Settings(service=service, cosdata=Cosdata(port=0, password="test_key"))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        server.cosdata._backend = Everything()
        yield server


def ask(server: Server, method: str, path: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = server.url + path.format_map(STEPS)
    if path.endswith("/vectors"):
        url += "?document_id=d"
    body = {name: "x" for row in OPERATIONS.values() for name in row.body} | BODY
    answer = HTTP.request(method, url, headers=named, json=body)
    return answer.status_code, answer.text


@pytest.fixture(scope="module")
def tokens(locked: Server) -> dict[str, str]:
    """What to log in with, and the token for it."""
    return {password: token(locked.url, password) for password in ("test_key", KEY, "reader")}


@pytest.mark.parametrize(("method", "path", "access"), ROUTES)
def test_no_route_is_left_unlocked(locked: Server, tokens: dict[str, str], method: str, path: str, access: str) -> None:
    invalid = (401, "") if method == "HEAD" else INVALID
    assert ask(locked, method, path) == invalid
    whole = tokens["test_key"]
    for wrong in (
        "", "Bearer", whole, f"Bearer{whole}", f"Bearer {whole[:-1]}", f"Bearer {whole}x", "Bearer guess",
        f"Bearer {whole} x", f"{whole} Bearer", "Bearer test_key", "Basic YWRtaW46dGVzdF9rZXk=", "Bearer %FF",
    ):  # fmt: skip
        assert ask(locked, method, path, authorization=wrong) == invalid, wrong
    assert ask(locked, method, path, api_key="guess") == invalid
    for right in (f"Bearer {whole}", f"bearer  {whole}", f"Token {whole}", f"x {tokens[KEY]}", f"Bearer {KEY}"):
        assert ask(locked, method, path, authorization=right)[0] < 300
    assert ask(locked, method, path, api_key=KEY)[0] < 300
    for reader in ({"authorization": f"Bearer {tokens['reader']}"}, {"api_key": "reader"}):
        status, text = ask(locked, method, path, **reader)
        assert (status < 300) if access == "read" else (status, text) == (
            403, "Forbidden: Global manage access is required"
        )  # fmt: skip


@pytest.mark.parametrize("path", ["/vectordb", "/vectordb/nowhere", "/vectordb/collections/c/x/y"])
def test_strangers_learn_of_no_route(locked: Server, tokens: dict[str, str], path: str) -> None:
    assert ask(locked, "GET", path) == INVALID
    assert ask(locked, "GET", path, authorization=f"Bearer {tokens['reader']}") == (404, "")


def test_all_routes_are_tried(locked: Server) -> None:
    served = {(route.method, route.path) for route in locked.cosdata.routes}
    assert served == {(method, path) for method, path, _ in ROUTES} | {("POST", LOGIN), ("GET", ABOUT)}


def test_the_description_is_for_everybody(locked: Server) -> None:
    assert ask(locked, "GET", ABOUT)[0] == 200


def test_a_token_of_cosdata_opens_no_other_door(locked: Server, tokens: dict[str, str]) -> None:
    for path in ("/collections", "/metrics", "/telemetry"):
        assert ask(locked, "GET", path, authorization=f"Bearer {tokens['test_key']}")[0] == 401


def signed(**claims: object) -> dict[str, str]:
    return {"authorization": f"Bearer {jwt.encode(claims, KEY, 'HS256')}"}


def test_tokens_that_are_signed_with_the_key_are_taken(locked: Server) -> None:
    assert ask(locked, "DELETE", "/vectordb/collections/c", **signed())[0] == 204
    assert ask(locked, "DELETE", "/vectordb/collections/c", **signed(exp=int(time.time()) - 100)) == INVALID
    assert ask(locked, "DELETE", "/vectordb/collections/c", **signed(access="r"))[0] == 403


def test_tokens_for_one_collection_reach_no_other(locked: Server) -> None:
    writer, reader = (signed(access=[{"collection": "c", "access": access}]) for access in ("rw", "r"))
    points = signed(access=[{"collection": "c", "access": "prw"}])
    for one in (writer, reader, points):
        assert ask(locked, "GET", "/vectordb/collections/c", **one)[0] == 200
        assert ask(locked, "GET", "/vectordb/collections/d", **one)[0] == 403
        assert ask(locked, "DELETE", "/vectordb/collections/c", **one)[0] == 403
        assert ask(locked, "GET", "/vectordb/collections", **one) == (200, '{"collections":[{"name":"c"}]}')
        assert ask(locked, "GET", "/vectordb/collections/loaded", **one) == (200, '["c"]')
    statuses = {
        (method, path): [ask(locked, method, path, **one)[0] for one in (writer, points, reader)]
        for method, path in (
            ("POST", "/vectordb/collections/c/streaming/upsert"),
            ("POST", "/vectordb/collections/c/indexes/dense"),
            ("POST", "/vectordb/transactions/commit"),
        )
    }
    assert list(statuses.values()) == [[200, 200, 403], [201, 403, 403], [204, 204, 403]]


@pytest.mark.parametrize(
    "transactions", [[{"collection": "c"}, {"collection": "d"}], [{"collection": "d"}], [], [1], {}, None, [{}]]
)
def test_all_collections_of_a_commit_must_be_within_reach(locked: Server, transactions: object) -> None:
    url = f"{locked.url}/vectordb/transactions/commit"
    token = signed(access=[{"collection": "c", "access": "rw"}])
    assert httpx.post(url, json={"transactions": transactions}, headers=token).status_code == 403
    assert httpx.post(url, json={"transactions": transactions}, headers=signed()).status_code == 204


def login(url: str, **fields: object) -> httpx.Response:
    return HTTP.post(f"{url}{LOGIN}", json={"username": "admin", "password": "admin", **fields})


def test_a_login_is_answered_as_documented(server: Server) -> None:
    answer = login(server.url)
    assert answer.status_code == 200
    session = answer.json()
    assert list(session) == ["access_token", "created_at", "expires_at"]
    assert abs(session["created_at"] - time.time()) < 60
    assert session["expires_at"] == session["created_at"] + 3600
    assert login(server.url).json()["access_token"] != session["access_token"]


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "root"}, {"password": ""}, {"password": "ü"}])
def test_a_wrong_login_is_refused_as_documented(fields: dict[str, str]) -> None:
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        answer = login(server.url, **fields)
    assert (answer.status_code, answer.text) == (400, "Wrong Credentials!")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["admin"]])
@pytest.mark.parametrize("field", ["username", "password"])
def test_a_login_has_texts(server: Server, field: str, value: object) -> None:
    answer = login(server.url, **{field: value})
    assert (answer.status_code, answer.text) == (400, f"Json deserialize error: `{field}` must be a string")


def test_a_login_is_short(server: Server) -> None:
    assert login(server.url, password="x" * 60_000).status_code == 400
    assert login(server.url, password="x" * 70_000).status_code == 413


def test_guessing_is_slow_for_who_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempts, "PAUSE", 0.2)
    monkeypatch.setattr(Attempts, "PATIENCE", 0.3)
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        began = time.monotonic()
        assert {login(server.url, password="guess").status_code for _ in range(6)} == {400}
        assert time.monotonic() - began < 5
        began = time.monotonic()
        assert [login(server.url, password="guess").status_code for _ in range(4)] == [400] * 4
        assert time.monotonic() - began > 0.5
        assert login(server.url).status_code == 200  # even now, who knows the password is let in
        server.cosdata._attempts._failures["127.0.0.1"] = server.cosdata._attempts._failures["127.0.0.1"]._replace(
            turn=time.monotonic() + 60
        )
        refused = login(server.url)
        assert (refused.status_code, refused.text) == (429, "Too many logins failed: try again later")


def test_tokens_expire_when_the_settings_say_so() -> None:
    service = Service(http_port=0, grpc_port=None)
    settings = Settings(service=service, cosdata=Cosdata(token_lifetime_secs=1))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        server.cosdata._backend = Everything()
        session = login(server.url).json()
        assert session["expires_at"] == session["created_at"] + 1
        with httpx.Client(base_url=server.url) as client:
            client.headers["authorization"] = f"Bearer {session['access_token']}"
            assert client.get("/vectordb/collections").status_code == 200
            ends = time.monotonic() + 30
            while (answer := client.get("/vectordb/collections")).status_code == 200:
                assert time.monotonic() < ends
                time.sleep(0.05)
            assert (answer.status_code, answer.text) == INVALID


def test_without_keys_a_token_is_needed_all_the_same(server: Server) -> None:
    assert httpx.get(f"{server.url}/collections").status_code == 200
    assert ask(server, "GET", "/vectordb/collections") == INVALID


def test_with_keys_the_password_that_everybody_knows_is_none() -> None:
    service = Service(http_port=0, grpc_port=None, api_key="key", host="0.0.0.0")
    with EngineDatabase.open(":memory:") as database, serving(database, Settings(service=service)) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert login(url).status_code == 400
        assert login(url, password="key").status_code == 200


def test_recovery_mode_leaves_deletions() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None), storage=Storage(recovery_mode="being repaired"))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        server.cosdata._backend = Everything()
        headers = {"authorization": f"Bearer {token(server.url)}"}
        assert ask(server, "DELETE", "/vectordb/collections/c", **headers)[0] == 204
        for method, path, _ in ROUTES:
            if (method, path) != ("DELETE", "/vectordb/collections/{collection}"):
                status, text = ask(server, method, path, **headers)
                assert status == 503
                assert text == ("" if method == "HEAD" else "Service unavailable: being repaired")


def test_a_quota_stops_what_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "resident_percent", lambda: 50)
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        server.cosdata._backend = Everything()
        headers = {"authorization": f"Bearer {token(server.url)}"}
        server.core.calls.quotas.set({"enabled": True, "max_resident_memory_percent": 40})
        stopped = {name for name, row in OPERATIONS.items() if ask(server, row.method, row.path, **headers)[0] == 507}
    assert stopped == {
        "create_collection", "create_dense_index", "create_sparse_index", "create_tf_idf_index", "commit",
        "upsert_in_transaction", "add_to_transaction", "commit_together", "stream_upsert",
    }  # fmt: skip
