"""Signatures against vectors that the official signer made, and between the two directions."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from hmac import digest
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb import signing

AK, SK = "AKLTEXAMPLE0000000000000000000000", "TESTSECRETKEY1234567890abcdefghijklmnop=="
AT, REGION = "20250102T030405Z", "cn-beijing"
KEYS = (
    "dd1097a1f4fcfd20221ba3685da66fbb0233ca666a63d47494b04929f3a6dd5e",
    "87587a0c9c1d6f1075723c07afe08f498fad29966dc83dc31c647bc6c57198f1",
    "0a492edf73b85abdefdb47733aea226bcd84d159dbdb1f76868764b2ec92d3f2",
    "7f7aa4118ad9930b40039d1af3f3e7939bb9840d85a6cef742203860ce607394",
)
JSON = {"Content-Type": "application/json"}


class Vector(NamedTuple):
    path: str
    query: tuple[tuple[str, str], ...]
    sent: str
    headers: Mapping[str, str]
    body: str
    token: str
    names: str
    canonical: str
    """The hash of the canonical request."""
    signature: str


RANDOM = '{"collection_name":"demo_collection","index_name":"demo_index","limit":1}'
VECTORS = {
    "A": Vector(
        "/api/vikingdb/data/search/random", (), "", JSON, RANDOM, "",
        "content-type;x-content-sha256;x-date",
        "0fd5222349336ccb6810c4b591ea184556e9f2ddc8b131092fba4e4f355c6664",
        "781e7ba80475681b77866d9b6d872871b02da699e7807979a60f6ce4dc4bc4fa",
    ),
    "B": Vector(
        "/api/vikingdb/data/upsert", (("b", "x y/z"), ("a", "1~2")), "b=x+y%2Fz&a=1~2",
        {**JSON, "X-Tt-Logid": "req-1"},
        '{"collection_name":"demo_collection","data":[{"title":"演示","score":42.5}]}', "",
        "content-type;x-content-sha256;x-date;x-tt-logid",
        "ef1ca5bca7f0483a666423b44df8a126d47d2a0510e36cad94e99a3ce516b804",
        "bdca46c8a7c8cd27ef386d09e8dae53310113bb40861319862438a9224e17517",
    ),
    "C": Vector(
        "/api/vikingdb/data/search/random", (), "", {**JSON, "Host": "localhost:9527"}, RANDOM, "STSTOKEN",
        "content-type;host;x-content-sha256;x-date;x-security-token",
        "eea6a357f83a4e20c3f76249c8a5cd46f776a07613fa0d34d43b1dd9d5bd9786",
        "a16156ed4f27127c87bc285f82549236dfde64104cafc560dcb826c12c2c4e6a",
    ),
    "D": Vector(
        "/", (("Action", "GetVikingdbCollection"), ("Version", "2025-06-09")),
        "Action=GetVikingdbCollection&Version=2025-06-09",
        {**JSON, "Host": "vikingdb.cn-beijing.volcengineapi.com"}, '{"CollectionName":"demo_collection"}', "",
        "content-type;host;x-content-sha256;x-date",
        "34418d3b9915d2e6bda983a98f8912276f27b4ac52be7866eeb85e610148806f",
        "14cde9e0ab0bccf05e3373141621c143e31050a6d00d3b6c9d8929a0e7c444ee",
    ),
}  # fmt: skip

vectors = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)


def sign(vector: Vector, **other: str) -> dict[str, str]:
    terms = {"access_key": AK, "secret_key": SK, "region": REGION, "at": AT, "session_token": vector.token, **other}
    return signing.signed("POST", vector.path, vector.query, vector.headers, vector.body.encode(), **terms)


def check(headers: Mapping[str, str], path: str, query: str, body: bytes, secret: str = SK) -> bool:
    """Tell whether a request as it was received is signed by the holder of a key."""
    found = signing.read_authorization(headers["authorization"])
    hashed = signing.body_hash(body)
    parts = {"method": "POST", "path": path, "query": query, "headers": headers, "hashed": hashed}
    return signing.expected_signature(secret, found, **parts) == found.signature


def received(given: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in {**given, **added}.items()}


def test_the_key_of_a_day_comes_about_in_four_steps() -> None:
    key = SK.encode()
    for step, expected in zip(("20250102", REGION, "vikingdb", "request"), KEYS, strict=True):
        key = digest(key, step.encode(), "sha256")
        assert key.hex() == expected
    assert signing.signing_key(SK, "20250102", REGION).hex() == KEYS[-1]


def test_a_canonical_request_is_written_line_by_line() -> None:
    vector = VECTORS["A"]
    hashed = signing.body_hash(vector.body.encode())
    assert hashed == "9acc828aec8d53a98220a0c19cb3a7cedcfccc132214f7ffd93b767a171df65c"
    headers = {"content-type": " application/json ", "x-date": AT, "x-content-sha256": hashed, "x-other": "no"}
    text = signing.canonical_request("POST", vector.path, "", headers, vector.names.split(";"), hashed)
    assert text.split("\n") == [
        "POST", "/api/vikingdb/data/search/random", "", "content-type:application/json", f"x-content-sha256:{hashed}",
        f"x-date:{AT}", "", "content-type;x-content-sha256;x-date", hashed,
    ]  # fmt: skip
    assert sha256(text.encode()).hexdigest() == vector.canonical


@vectors
def test_requests_are_signed_as_by_the_official_signer(vector: Vector) -> None:
    added = sign(vector)
    scope = f"20250102/{REGION}/vikingdb/request"
    assert added.pop("Authorization") == (
        f"HMAC-SHA256 Credential={AK}/{scope}, SignedHeaders={vector.names}, Signature={vector.signature}"
    )
    expected = {"X-Date": AT, "X-Content-Sha256": signing.body_hash(vector.body.encode())}
    assert added == (expected | {"X-Security-Token": vector.token} if vector.token else expected)


@vectors
def test_a_server_computes_the_same_signature(vector: Vector) -> None:
    headers = received(vector.headers, sign(vector))
    body = vector.body.encode()
    assert check(headers, vector.path, vector.sent, body)
    assert not check(headers, vector.path, vector.sent, body + b" ")
    assert not check(headers, vector.path + "x", vector.sent, body)
    assert not check(headers, vector.path, vector.sent + "&c=", body)
    assert not check(headers, vector.path, vector.sent, body, SK + "x")
    assert not check({**headers, "x-date": "20250102T030406Z"}, vector.path, vector.sent, body)
    assert not check({**headers, "content-type": "text/plain"}, vector.path, vector.sent, body)


def test_the_body_and_the_date_are_signed_whatever_headers_say() -> None:
    vector = VECTORS["A"]
    lying = vector._replace(headers={**JSON, "x-date": "20200101T000000Z", "X-Content-SHA256": "0" * 64})
    assert sign(lying) == sign(vector)


@pytest.mark.parametrize("name", ["X-Foo", "x-foo", "X-FOO"])
def test_names_are_signed_in_any_case(name: str) -> None:
    vector = VECTORS["A"]
    added = sign(vector._replace(headers={**JSON, name: "  spaced  "}))
    assert ";x-foo," in added["Authorization"]
    headers = received({**JSON, name: "spaced"}, added)
    assert check(headers, vector.path, "", vector.body.encode())
    assert not check({**headers, "x-foo": "other"}, vector.path, "", vector.body.encode())


@pytest.mark.parametrize(
    ("signed", "sent"),
    [("db.example.com:443", "db.example.com"), ("db.example.com", "db.example.com:80"), ("[::1]:443", "[::1]")],
)
def test_usual_ports_are_left_out_of_the_host(signed: str, sent: str) -> None:
    vector = VECTORS["A"]
    added = sign(vector._replace(headers={**JSON, "Host": signed}))
    assert check(received({**JSON, "Host": sent}, added), vector.path, "", vector.body.encode())
    other = sent.removesuffix(":80") + ":8080"
    assert not check(received({**JSON, "Host": other}, added), vector.path, "", vector.body.encode())


def test_a_key_may_be_for_another_service_and_day() -> None:
    vector = VECTORS["A"]
    for other in ({"service": "air"}, {"region": "ap-southeast-1"}, {"at": "20260102T030405Z"}):
        added = sign(vector, **other)
        assert vector.signature not in added["Authorization"]
        assert check(received(vector.headers, added), vector.path, "", vector.body.encode())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(texts, st.lists(st.tuples(texts, texts), max_size=4), st.binary(max_size=20), st.booleans())
def test_what_is_signed_is_accepted(step: str, query: list[tuple[str, str]], body: bytes, plus: bool) -> None:
    path = f"/{step}"
    terms = {"access_key": AK, "secret_key": SK, "region": REGION, "at": AT}
    added = signing.signed("POST", path, query, JSON, body, **terms)
    quoted = quote_plus if plus else quote
    sent = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in query)
    assert check(received(JSON, added), quote(path), sent, body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer key",
        "HMAC-SHA256",
        f"HMAC-SHA256 Credential={AK}/20250102/cn/vikingdb, SignedHeaders=x-date, Signature={'0' * 64}",
        f"HMAC-SHA256 Credential={AK}/2025/cn/vikingdb/request, SignedHeaders=x-date, Signature={'0' * 64}",
        f"HMAC-SHA256 Credential={AK}/20250102/cn/vikingdb/request, SignedHeaders=, Signature={'0' * 64}",
        f"HMAC-SHA256 Credential={AK}/20250102/cn/vikingdb/request, SignedHeaders=x-date, Signature=abc",
        f"AWS4-HMAC-SHA256 Credential={AK}/20250102/cn/vikingdb/request, SignedHeaders=x-date, Signature={'0' * 64}",
    ],
)
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="Authorization must be"):
        signing.read_authorization(text)


def test_a_signature_may_be_written_without_spaces() -> None:
    text = sign(VECTORS["A"])["Authorization"]
    assert signing.read_authorization(text.replace(", ", ",")) == signing.read_authorization(text)
