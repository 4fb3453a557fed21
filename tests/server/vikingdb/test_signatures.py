"""Signatures: those of the specification hold, others do not, and none makes the same change twice."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from vikingdb_wire import Wire

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import RateLimitedError
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, VikingDB, VikingKey
from quiverdb.server.vikingdb.guard import Proof
from quiverdb.server.vikingdb.replays import Replays
from quiverdb.vikingdb import signing

AK, SK = "AKLTEXAMPLE0000000000000000000000", "TESTSECRETKEY1234567890abcdefghijklmnop=="
MOMENT = 1735787045.0
"""20250102T030405Z"""
SCOPE = "20250102/cn-beijing/vikingdb/request"
RANDOM = b'{"collection_name":"demo_collection","index_name":"demo_index","limit":1}'
UPSERT = '{"collection_name":"demo_collection","data":[{"title":"演示","score":42.5}]}'.encode()
VECTORS = {
    "A": (
        "/api/vikingdb/data/search/random", RANDOM, "content-type;x-content-sha256;x-date", {},
        "781e7ba80475681b77866d9b6d872871b02da699e7807979a60f6ce4dc4bc4fa",
    ),
    "B": (
        "/api/vikingdb/data/upsert?b=x+y%2Fz&a=1~2", UPSERT, "content-type;x-content-sha256;x-date;x-tt-logid",
        {"X-Tt-Logid": "req-1"}, "bdca46c8a7c8cd27ef386d09e8dae53310113bb40861319862438a9224e17517",
    ),
    "C": (
        "/api/vikingdb/data/search/random", RANDOM,
        "content-type;host;x-content-sha256;x-date;x-security-token",
        {"Host": "localhost:9527", "X-Security-Token": "STSTOKEN"},
        "a16156ed4f27127c87bc285f82549236dfde64104cafc560dcb826c12c2c4e6a",
    ),
    "D": (
        "/?Action=GetVikingdbCollection&Version=2025-06-09", b'{"CollectionName":"demo_collection"}',
        "content-type;host;x-content-sha256;x-date", {"Host": "vikingdb.cn-beijing.volcengineapi.com"},
        "14cde9e0ab0bccf05e3373141621c143e31050a6d00d3b6c9d8929a0e7c444ee",
    ),
}  # fmt: skip


@contextmanager
def at_that_moment(token: str | None) -> Iterator[Server]:
    key = VikingKey(access_key=AK, secret_key=SK, session_token=token)
    settings = Settings(service=Service(http_port=0, grpc_port=None), vikingdb=VikingDB(keys=(key,)))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        server.vikingdb.guard._clock = lambda: MOMENT
        server.vikingdb.replays._clock = lambda: MOMENT
        yield server


def vector(server: Server, name: str, **changed: str) -> httpx.Response:
    target, body, names, headers, signature = VECTORS[name]
    sent = {
        "Content-Type": "application/json",
        "X-Date": "20250102T030405Z",
        "X-Content-Sha256": hashlib.sha256(body).hexdigest(),
        "Authorization": f"HMAC-SHA256 Credential={AK}/{SCOPE}, SignedHeaders={names}, Signature={signature}",
        **headers,
    }
    sent |= {name.replace("_", "-"): value for name, value in changed.items()}
    return httpx.post(server.url + target, content=body, headers=sent)


@pytest.mark.parametrize("name", VECTORS)
def test_the_signatures_of_the_specification_hold(name: str) -> None:
    """They are let in, and learn that there is no such collection."""
    with at_that_moment("STSTOKEN" if name == "C" else None) as server:
        answer = vector(server, name)
        assert answer.status_code == 404
        body = answer.json()
        code = body["ResponseMetadata"]["Error"]["Code"] if name == "D" else body["code"]
        assert code == "NotFound.VikingdbCollection"
        for header in ("Content_Type", *(["X_Tt_Logid"] if name == "B" else ["Host"] if name in "CD" else [])):
            refused = vector(server, name, **{header: "text/plain+json"})
            assert refused.status_code == 401
        assert vector(server, name, X_Date="20250102T030406Z").status_code == 401
        assert vector(server, name, X_Content_Sha256="0" * 64).status_code == 401


def test_a_token_is_needed_where_one_is_set() -> None:
    with at_that_moment("STSTOKEN") as server:
        assert "X-Security-Token" in vector(server, "A").json()["message"]
    with at_that_moment(None) as server:
        assert vector(server, "C").json()["code"] == "InvalidCredential"


FETCH = ("fetch_in_collection", {"collection_name": "rows", "ids": [1]})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-tt-logid"] == body["request_id"]
    assert body.keys() == {"api", "code", "message", "request_id", "result"}
    assert body["result"] is None
    return answer.status_code, body["code"]


def test_whoever_signs_is_let_in(locked: Server, owner: Wire) -> None:
    assert owner.ask(*FETCH).status_code == 200
    for secrets in (("LENT", "lent", "STSTOKEN"), ("READER", "read"), ("SOME", "some")):
        with Wire(locked.url, *secrets) as other:
            assert other.ask(*FETCH).json()["result"]["ids_not_exist"] == [1]


@pytest.mark.parametrize(
    ("secrets", "code"),
    [
        (("AK", "SK="), "SignatureDoesNotMatch"),
        (("NOBODY", "SK=="), "InvalidCredential"),
        (("AK", "SK==", "token"), "InvalidCredential"),
        (("LENT", "lent"), "InvalidCredential"),
        (("LENT", "lent", "STSTOKE"), "InvalidCredential"),
    ],
)
def test_wrong_secrets_are_not(locked: Server, secrets: tuple[str, ...], code: str) -> None:
    with Wire(locked.url, *secrets) as stranger:
        for answer in (stranger.ask(*FETCH), stranger.send("/api/vikingdb/nowhere"), stranger.ask("upsert", b"[1")):
            assert refusal(answer) == (401, code)
        assert stranger.send("/api/vikingdb/Ping").status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"content": b'{"collection_name":"rows","ids":[2]}'}, "SignatureDoesNotMatch"),
        ({"target": "/api/vikingdb/data/delete"}, "SignatureDoesNotMatch"),
        ({"target": "/api/vikingdb/data/fetch_in_collection?a=b"}, "SignatureDoesNotMatch"),
        ({"other_headers": {"Content-Type": "application/json; charset=utf-8"}}, "SignatureDoesNotMatch"),
        ({"other_headers": {"X-Date": "20200101T000000Z"}}, "InvalidCredential"),
        ({"other_headers": {"X-Date": "yesterday"}}, "InvalidCredential"),
        ({"other_headers": {"X-Date": ""}}, "InvalidCredential"),
        ({"other_headers": {"X-Content-Sha256": ""}}, "InvalidCredential"),
        ({"other_headers": {"X-Content-Sha256": "ÿ".encode("latin-1")}}, "SignatureDoesNotMatch"),
        ({"other_headers": {"Authorization": "HMAC-SHA256 Credential=AK"}}, "InvalidCredential"),
        ({"other_headers": {"Authorization": "Basic QUs6U0s="}}, "InvalidCredential"),
        ({"other_headers": {"Authorization": ""}}, "InvalidCredential"),
    ],
)
def test_what_was_signed_must_be_what_came(owner: Wire, changed: dict[str, object], code: str) -> None:
    assert refusal(owner.ask(*FETCH, **changed)) == (401, code)


def test_signatures_for_another_service_do_not_count(owner: Wire) -> None:
    headers = {"Content-Type": "application/json"}
    made = signing.signed(
        "POST", "/api/vikingdb/data/search/random", (), headers, b"{}",
        access_key="AK", secret_key="SK==", region="r", at=signing.stamp(time.time()), service="air",
    )  # fmt: skip
    answer = owner.http.post("/api/vikingdb/data/search/random", content=b"{}", headers={**headers, **made})
    assert refusal(answer) == (401, "InvalidCredential")


@pytest.mark.parametrize("names", ["x-date", "x-date;x-content-sha256", "host;x-date;user-agent", "x-absent"])
def test_any_set_of_headers_may_be_signed(owner: Wire, names: str) -> None:
    at = signing.stamp(time.time())
    body = b'{"collection_name":"rows","index_name":"rows_index"}'
    hashed, path = signing.body_hash(body), "/api/vikingdb/data/search/random"
    host = owner.http.base_url.netloc.decode()
    headers = {"x-date": at, "x-content-sha256": hashed, "user-agent": "me", "host": host}
    told = signing.Authorization("AK", at[:8], "anywhere", "vikingdb", tuple(names.split(";")), "")
    proof = signing.expected_signature("SK==", told, method="POST", path=path, query="", headers=headers, hashed=hashed)
    headers["authorization"] = f"HMAC-SHA256 Credential=AK/{told.scope}, SignedHeaders={names}, Signature={proof}"
    headers["content-type"] = "application/json"
    assert owner.http.post(path, content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("skew", [-890, 890])
def test_clocks_may_differ_by_a_quarter_of_an_hour(owner: Wire, skew: float) -> None:
    assert owner.ask(*FETCH, at=time.time() + skew).status_code == 200


@pytest.mark.parametrize("skew", [-910, 910, 86400])
def test_clocks_may_not_differ_by_more(owner: Wire, skew: float) -> None:
    answer = owner.ask(*FETCH, at=time.time() + skew)
    assert refusal(answer) == (401, "InvalidCredential.Expired")


ROW = {"collection_name": "rows", "data": [{"id": 5, "text": "t", "vector": [1, 2, 3, 4], "terms": {}}]}


def test_a_change_is_made_once(owner: Wire) -> None:
    moment = time.time()
    assert owner.ask("upsert", ROW, at=moment).status_code == 200
    again = owner.ask("upsert", ROW, at=moment)
    assert refusal(again) == (429, "TooManyRequests")
    assert again.headers["retry-after"] == "1"
    assert owner.ask("upsert", ROW, at=moment + 1).status_code == 200
    assert owner.ask("upsert", {**ROW, "ttl": 0}, at=moment).status_code == 200
    assert refusal(owner.ask("delete", {"collection_name": "rows", "ids": [5]}, at=moment)) == (200, "Success")
    assert refusal(owner.ask("upsert", ROW, at=moment)) == (429, "TooManyRequests")


def test_what_failed_may_come_again(owner: Wire) -> None:
    moment = time.time()
    wrong = {"collection_name": "rows", "data": [{"id": 6}]}
    for _ in range(3):
        assert refusal(owner.ask("upsert", wrong, at=moment)) == (400, "MissingParameter")
    kept = owner.ask("upsert", ROW, at=moment + 2, content=b"{}")
    assert refusal(kept) == (401, "SignatureDoesNotMatch")
    assert owner.ask("upsert", ROW, at=moment + 2).status_code == 200


def test_reading_again_does_no_harm(owner: Wire) -> None:
    moment = time.time()
    assert {owner.ask(*FETCH, at=moment).status_code for _ in range(3)} == {200}


def test_actions_are_carried_out_once_too(owner: Wire) -> None:
    moment, body = time.time(), {"CollectionName": "rows", "Description": "told once"}
    assert owner.action("update_collection", body, at=moment).status_code == 200
    again = owner.action("update_collection", body, at=moment)
    assert (again.status_code, again.json()["ResponseMetadata"]["Error"]["Code"]) == (429, "TooManyRequests")


def test_signatures_are_forgotten_when_they_are_no_longer_good() -> None:
    now = 1000.0
    replays = Replays(10, lambda: now)
    for second in range(1000, 1100):
        now = second
        with replays.once(Proof(now, "a", "")), replays.once(Proof(now, "b", "")):
            pass
        assert len(replays) <= 22


def test_of_too_many_signatures_none_counts_that_could_be_a_repetition() -> None:
    replays = Replays(900, lambda: 1000.0, most=10)
    for number in range(25):
        with replays.once(Proof(1000.0 + number // 5, str(number), "")):
            pass
    assert len(replays) <= 10
    for number in range(25):
        with pytest.raises(RateLimitedError), replays.once(Proof(1000.0 + number // 5, str(number), "")):
            pass
    with pytest.raises(RateLimitedError), replays.once(Proof(1000.0, "new, and as old as the oldest", "")):
        pass
    with replays.once(Proof(1005.0, "new", "")):
        pass


def test_a_change_under_way_is_not_made_again() -> None:
    replays, proof = Replays(900, lambda: 1000.0), Proof(1000.0, "a", "")
    with replays.once(proof), pytest.raises(RateLimitedError), replays.once(proof):
        pass
    with pytest.raises(RateLimitedError), replays.once(proof):
        pass
