"""Keys and tokens, and what attackers make of them. Tokens are made by PyJWT."""

from __future__ import annotations

import ast
import asyncio
import base64
import hashlib
import hmac
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quiverdb
from quiverdb.errors import NotFoundError, RefusedError
from quiverdb.model.collection import CollectionSpec
from quiverdb.model.point import Points
from quiverdb.model.write import Upsert
from quiverdb.server import auth
from quiverdb.server.access import FULL, Access
from quiverdb.server.auth import MAX_CREDENTIAL, Authenticator, ValueExists, exists_in
from quiverdb.server.settings import Service

KEY = "the key that tokens are signed with, long enough"
ALT = "another key that tokens may be signed with, too!"
MISSING = "Must provide an API key or an Authorization bearer token"
REPEATED = "a collection twice"
INVALID = "Invalid API key or JWT"
ONE = Service(api_key=KEY, jwt_rbac=True)
KEYS = Service(api_key=KEY, alt_api_key=ALT, read_only_api_key="read", jwt_rbac=True)


def never(claim: ValueExists) -> bool:
    raise AssertionError(claim)


def token(claims: dict[str, Any], key: str = KEY, **header: Any) -> str:
    return jwt.encode(claims, key, algorithm="HS256", headers=header or None)


def outcome(service: Service, headers: dict[str, str], check: Callable[[ValueExists], bool] = never) -> Any:
    """Return the access, or status and message of the refusal."""
    try:
        return Authenticator(service, check).authenticate(headers)
    except RefusedError as error:
        return error.status, str(error), *(() if error.plain else ("not plain",))


def of_token(text: str, service: Service = ONE) -> Any:
    return outcome(service, {"api-key": text})


def b64(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: bytes | dict[str, Any], payload: bytes | dict[str, Any], key: str = KEY) -> str:
    """Sign whatever is given, by hand."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}"


def test_without_keys_everybody_may_do_everything() -> None:
    for service in (Service(), Service(api_key="", read_only_api_key="")):
        assert outcome(service, {}) == FULL
        assert outcome(service, {"api-key": "whatever"}) == FULL


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, MISSING)),
        ({"authorization": KEY}, (401, MISSING)),
        ({"authorization": f"Basic {KEY}"}, (401, MISSING)),
        ({"authorization": "Bearer"}, (401, INVALID)),
        ({"authorization": "Bearer "}, (401, INVALID)),
        ({"api-key": ""}, (401, INVALID)),
        ({"api-key": KEY}, FULL),
        ({"api-key": ALT}, FULL),
        ({"authorization": f"Bearer {KEY}"}, FULL),
        ({"authorization": f"bearer {KEY}"}, FULL),
        ({"api-key": "read"}, Access("r")),
        ({"authorization": "Bearer read"}, Access("r")),
        ({"api-key": "wrong", "authorization": f"Bearer {KEY}"}, (401, INVALID)),
        ({"api-key": KEY[:-1]}, (401, INVALID)),
        ({"api-key": f"{KEY} "}, (401, INVALID)),
        ({"api-key": KEY.upper()}, (401, INVALID)),
        ({"api-key": f"{KEY}\0"}, (401, INVALID)),
    ],
)
def test_keys(headers: dict[str, str], expected: Any) -> None:
    assert outcome(KEYS, headers) == expected


def test_an_empty_key_is_never_accepted() -> None:
    for service in (Service(api_key="", read_only_api_key="read"), Service(api_key="a", alt_api_key="")):
        assert outcome(service, {"api-key": ""}) == (401, INVALID)
        assert outcome(service, {"authorization": "Bearer "}) == (401, INVALID)


@pytest.mark.parametrize("key", ["ключ", "clé", "鍵🔑", "\udcff\udcfe from the environment"])
def test_keys_beyond_ascii(key: str) -> None:
    service = Service(api_key=key)
    wire = key.encode("utf-8", "surrogateescape").decode("latin-1")  # as servers read what clients send
    assert outcome(service, {"api-key": wire}) == FULL
    assert outcome(service, {"api-key": wire[:-1]}) == (401, INVALID)


@given(st.text(), st.booleans())
def test_no_header_crashes_the_check(text: str, bearer: bool) -> None:
    headers = {"authorization": f"Bearer {text}"} if bearer else {"api-key": text}
    assert outcome(KEYS, headers) == (401, INVALID)


@pytest.mark.parametrize("size", [MAX_CREDENTIAL - 1, MAX_CREDENTIAL + 1, 10_000_000])
@pytest.mark.parametrize("letter", ["a", ".", "[", "é"])
def test_huge_headers_are_refused_soon(size: int, letter: str) -> None:
    start = time.perf_counter()
    assert of_token(letter * size) == (401, INVALID)
    assert time.perf_counter() - start < 1


def test_tokens_have_an_end() -> None:
    fitting, larger = ({"subject": "x" * size} for size in (MAX_CREDENTIAL // 2, MAX_CREDENTIAL))
    assert of_token(token(fitting)).everywhere == "m"
    assert of_token(token(larger)) == (401, INVALID)


def test_comparisons_are_constant_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key is compared on every attempt, by digests of one length, whichever key it is."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def record(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return compare(left, right)

    monkeypatch.setattr(auth.hmac, "compare_digest", record)
    for attempt in (KEY, ALT, "read", "", "wrong", KEY * 100):
        compared.clear()
        outcome(Service(api_key=KEY, alt_api_key=ALT, read_only_api_key="read"), {"api-key": attempt})
        assert len(compared) == 3
        assert {len(side) for pair in compared for side in pair} == {32}


def test_nothing_secret_is_compared_with_an_operator() -> None:
    tree = ast.parse(inspect.getsource(auth))
    secret = {"credential", "digest", "key", "token", "text", "one", "_writers", "_readers", "_signers"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot):
            names = {part.id for part in (node.left, *node.comparators) if isinstance(part, ast.Name)}
            names |= {part.attr for part in (node.left, *node.comparators) if isinstance(part, ast.Attribute)}
            assert not names & secret, ast.unparse(node)


CLAIMS = [
    ({}, FULL),
    ({"access": "m"}, FULL),
    ({"access": "r"}, Access("r")),
    (
        {"access": "r", "subject": "ann", "sub": "x", "iat": 2**40, "nbf": 2**40, "aud": ["z"]},
        Access("r"),
    ),
    ({"access": [{"collection": "a", "access": "rw"}]}, Access(None, {"a": "rw"})),
    (
        {"access": [{"collection": "a", "access": "r"}, {"collection": "b", "access": "prw"}]},
        Access(None, {"a": "r", "b": "prw"}),
    ),
    ({"access": [{"collection": "a", "access": "r", "payload": None}]}, Access(None, {"a": "r"})),
    ({"access": []}, Access(None, {})),
]


@pytest.mark.parametrize("key", [KEY, ALT])
@pytest.mark.parametrize(("claims", "expected"), CLAIMS)
def test_tokens_give_what_they_claim(claims: dict[str, Any], expected: Access, key: str) -> None:
    text = token(claims, key)
    assert of_token(text, KEYS) == expected
    assert outcome(KEYS, {"authorization": f"Bearer {text}"}) == expected
    without = Service(api_key=KEY, alt_api_key=ALT)
    assert of_token(text, without) == (401, INVALID)


@pytest.mark.parametrize(
    "claims",
    [
        {"access": "rw"},
        {"access": "M"},
        {"access": None},
        {"access": 1},
        {"access": {"collection": "a", "access": "r"}},
        {"access": [{"collection": "a", "access": "m"}]},
        {"access": [{"collection": "a"}]},
        {"access": [{"access": "r"}]},
        {"access": ["a"]},
        {"value_exists": {"collection": "a"}},
        {"value_exists": {"collection": "a", "matches": [{"key": "k", "value": 1.5}]}},
        {"value_exists": "a"},
    ],
)
def test_claims_of_another_shape_give_nothing(claims: dict[str, Any]) -> None:
    assert of_token(token(claims)) == (401, INVALID)


@pytest.mark.parametrize("exp", ["soon", -1, True, [1], {"a": 1}, 1e400])
def test_odd_times_give_nothing(exp: Any) -> None:
    payload = json.dumps({"exp": exp, "access": "m"}).encode()
    assert of_token(signed({"alg": "HS256", "typ": "JWT"}, payload)) == (401, INVALID)


def test_constraints_of_payloads_and_repeated_collections_give_nothing() -> None:
    constrained = {"access": [{"collection": "a", "access": "r", "payload": {"user": 1}}]}
    status, told = of_token(token(constrained))
    assert status == 401
    assert "'payload' constraint is deprecated" in told
    repeated = {"access": [{"collection": "a", "access": "r"}, {"collection": "a", "access": "rw"}]}
    status, told = of_token(token(repeated))
    assert status == 401
    assert "unique" in told


@pytest.mark.parametrize(("ago", "good"), [(-1000, True), (0, True), (20, True), (40, False), (10**9, False)])
def test_tokens_expire_half_a_minute_late(ago: int, good: bool) -> None:
    text = token({"exp": int(time.time()) - ago})
    assert of_token(text) == (FULL if good else (403, "ExpiredSignature"))


def test_another_signature_is_refused() -> None:
    assert of_token(token({}, "a key that nobody has set, of a length")) == (403, "InvalidSignature")
    text = token({"access": "r"})
    head, payload, signature = text.split(".")
    forged = f"{head}.{b64({'access': 'm'})}.{signature}"
    assert of_token(forged) == (403, "InvalidSignature")
    assert of_token(f"{head}.{payload}.") == (403, "InvalidSignature")
    assert of_token(f"{head}.{payload}") == (401, INVALID)


def test_the_read_only_key_signs_nothing() -> None:
    service = Service(api_key=KEY, read_only_api_key="x" * 40, jwt_rbac=True)
    assert of_token(token({"access": "m"}, "x" * 40), service) == (403, "InvalidSignature")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None", "typ": "JWT"},
        {"alg": ""},
        {"typ": "JWT"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {"alg": "HS256", "crit": ["surprise"], "surprise": 1},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": {"a": 1}},
    ],
)
def test_other_algorithms_are_none(header: dict[str, Any]) -> None:
    good = signed(header, {"access": "m"})
    assert of_token(good) == (401, INVALID)
    assert of_token(good.rpartition(".")[0] + ".") == (401, INVALID)


def test_tokens_of_pyjwt_with_other_algorithms() -> None:
    assert of_token(jwt.encode({"access": "m"}, None, algorithm="none")) == (401, INVALID)
    assert of_token(jwt.encode({"access": "m"}, KEY * 2, algorithm="HS512")) == (401, INVALID)


def test_a_key_in_the_token_is_not_used() -> None:
    own = {"kty": "oct", "k": b64(b"the key of an attacker, long enough too")}
    text = signed({"alg": "HS256", "jwk": own, "kid": "../../etc/passwd"}, {"access": "m"}, "the key of an attacker")
    assert of_token(text) == (403, "InvalidSignature")


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c",
        "..",
        ".",
        "....",
        "é.é.é",
        f"{b64(b'[' * 40_000)}.e30.AAAA",
        f"{b64(b'{' * 40_000)}.e30.AAAA",
        f"{b64(b'null')}.e30.AAAA",
        f"{b64(b'[]')}.e30.AAAA",
        b64({"alg": "HS256"}) + ".!!!.AAAA",
        b64(bytes([255, 254])) + ".e30.AAAA",
    ],
)
def test_what_only_looks_like_a_token(text: str) -> None:
    assert of_token(text) == (401, INVALID)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"1", b"\xff", b"[" * 40_000, b'{"access": "m"} trailing'])
def test_signed_nonsense(payload: bytes) -> None:
    assert of_token(signed({"alg": "HS256"}, payload)) == (401, INVALID)


@given(st.data())
def test_no_change_of_a_token_is_let_in(data: st.DataObject) -> None:
    text = token({"access": "m"})
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        assert of_token(changed)[0] in (401, 403)


@given(
    st.one_of(
        st.sampled_from(["r", "m", "rw", ""]),
        st.lists(
            st.fixed_dictionaries(
                {"collection": st.sampled_from(["a", "b", "ü"]), "access": st.sampled_from(["r", "rw", "prw", "m"])}
            ),
            max_size=3,
        ),
    ),
    st.one_of(st.none(), st.integers(0, 2**33), st.integers(-100, 100).map(lambda late: int(time.time()) + late)),
    st.sampled_from([KEY, ALT, "a key that nobody has set, of a length"]),
)
def test_tokens_against_an_obvious_reading(access: Any, exp: int | None, key: str) -> None:
    claims = {"access": access} | ({} if exp is None else {"exp": exp})
    if exp is not None and abs(exp - time.time() + 30) < 2:
        return  # the clock decides
    found = of_token(token(claims, key), KEYS)
    if isinstance(found, tuple) and "unique" in found[1]:
        found = found[0], REPEATED
    assert found == plainly(claims, key)


def plainly(claims: dict[str, Any], key: str) -> Any:
    if key not in (KEY, ALT):
        return 403, "InvalidSignature"
    access = claims["access"]
    listed = isinstance(access, list)
    shaped = all(one["access"] in ("r", "rw", "prw") for one in access) if listed else access in ("r", "m")
    # Of a token that is not of the shape the signing key says nothing, and the other one that it did not sign it.
    if not shaped:
        return 403, "InvalidSignature"
    if claims.get("exp", time.time()) < time.time() - 30:
        return 403, "ExpiredSignature" if key == KEY else "InvalidSignature"
    if listed and len({one["collection"] for one in access}) < len(access):
        return (401, REPEATED) if key == KEY else (403, "InvalidSignature")
    return Access(None, {one["collection"]: one["access"] for one in access}) if listed else Access(access)


VALUES = {
    "value_exists": {"collection": "users", "matches": [{"key": "id", "value": "ann"}, {"key": "on", "value": True}]}
}


def test_a_value_must_exist() -> None:
    asked = []

    def check(claim: ValueExists) -> bool:
        asked.append(claim)
        return True

    assert outcome(ONE, {"api-key": token(VALUES)}, check) == FULL
    [claim] = asked
    assert claim.collection == "users"
    assert [(pair.key, pair.value) for pair in claim.matches] == [("id", "ann"), ("on", True)]
    expected = 401, "Invalid JWT, stateful validation failed"
    assert outcome(ONE, {"api-key": token(VALUES)}, lambda claim: False) == expected


def test_a_value_must_exist_in_a_collection_that_does() -> None:
    def check(claim: ValueExists) -> bool:
        raise NotFoundError("none", kind="collection", name=claim.collection)

    assert outcome(ONE, {"api-key": token(VALUES)}, check) == (403, "Invalid JWT, stateful validation failed")


def test_values_are_looked_for_in_the_database() -> None:
    with quiverdb.open(":memory:") as database:
        check = exists_in(database)
        headers = {"api-key": token(VALUES)}
        assert outcome(ONE, headers, check)[0] == 403
        database.create_collection("users", CollectionSpec())
        assert outcome(ONE, headers, check)[0] == 401
        for payload in ({"id": "ann"}, {"id": "ann", "on": "true"}, {"id": "bob", "on": True}):
            database.write("users", [Upsert(Points(ids=(1,), vectors={}, payloads=(payload,)))])
            assert outcome(ONE, headers, check)[0] == 401
        database.write("users", [Upsert(Points(ids=(2,), vectors={}, payloads=({"id": ["eve", "ann"], "on": True},)))])
        assert outcome(ONE, headers, check) == FULL
        odd = {"value_exists": {"collection": "users", "matches": [{"key": "a[", "value": 1}]}}
        assert outcome(ONE, {"api-key": token(odd)}, check)[0] == 401


def test_the_check_of_a_value_runs_where_it_is_told() -> None:
    ran = []

    async def run(check: Callable[[], None]) -> None:
        ran.append(True)
        check()

    guard = Authenticator(ONE, lambda claim: False)
    with pytest.raises(RefusedError):
        asyncio.run(guard.authenticate_async({"api-key": token(VALUES)}, run))
    assert ran
    ran.clear()
    assert asyncio.run(guard.authenticate_async({"api-key": KEY}, run)) == FULL
    assert not ran


def test_tokens_need_their_library_only_where_they_are_taken() -> None:
    program = (
        "import sys; from quiverdb.server.auth import *; from quiverdb.server.settings import Service;"
        "Authenticator(Service(api_key='k'), bool); print('jwt' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_short_keys_sign_without_warnings() -> None:
    service = Service(api_key="x", jwt_rbac=True)
    assert of_token(signed({"alg": "HS256"}, {"access": "r"}, "x"), service) == Access("r")
