"""What clients put into headers to prove who asks."""

from __future__ import annotations

from typing import Any

import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb import signing
from quiverdb.vikingdb.credentials import IAM, APIKey, Auth, AuthStrategy, HeaderAuth, Outgoing

AT = 1735787045.0


def request(**headers: str) -> Outgoing:
    query = {"b": "x y/z", "a": "1~2"}
    return Outgoing(
        "POST", "https", "example.com", "/api", query, {"Content-Type": "application/json"} | headers, b"{}"
    )


def expected(region: str, token: str = "") -> dict[str, str]:
    asked = request()
    terms = {"access_key": "AK", "secret_key": "SK", "region": region, "at": "20250102T030405Z", "session_token": token}
    added = signing.signed("POST", "/api", asked.query.items(), asked.headers, b"{}", **terms)
    return {**asked.headers, **added}


def signed(auth: Auth, region: str = "cn-beijing", token: str = "") -> dict[str, str]:
    asked = request()
    auth.signer(service="vikingdb", region=region, session_token=token)(asked)
    return asked.headers


@pytest.mark.parametrize("auth", [IAM("AK", "SK", clock=lambda: AT), IAM(ak="AK", sk="SK", clock=lambda: AT)])
def test_access_keys_sign_by_position_or_name(auth: IAM) -> None:
    assert signed(auth) == expected("cn-beijing")


def test_one_object_signs_for_several_regions() -> None:
    auth = IAM("AK", "SK", clock=lambda: AT)
    first = auth.signer(service="vikingdb", region="cn-beijing")
    assert signed(auth, "ap-southeast-1") == expected("ap-southeast-1")
    asked = request()
    first(asked)
    assert asked.headers == expected("cn-beijing")


def test_session_tokens_are_sent_and_signed() -> None:
    own = IAM("AK", "SK", session_token="OWN", clock=lambda: AT)
    assert signed(own) == expected("cn-beijing", "OWN")
    assert signed(own, token="CLIENT'S") == expected("cn-beijing", "CLIENT'S")


def test_the_official_way_to_sign_works() -> None:
    auth = IAM("AK", "SK", clock=lambda: AT)
    asked = request()
    with pytest.raises(InvalidInputError, match="initialize"):
        auth.sign_request(asked)
    auth.initialize(service="vikingdb", region="cn-beijing")
    auth.sign_request(asked)
    assert asked.headers == expected("cn-beijing")
    auth.configure(region="ap-southeast-1")
    asked = request()
    auth.apply(asked)
    assert asked.headers == expected("ap-southeast-1")


def test_keys_and_headers_are_sent_as_they_are() -> None:
    assert signed(APIKey("k")) == {"Content-Type": "application/json", "Authorization": "Bearer k"}
    assert signed(APIKey(api_key="k"))["Authorization"] == "Bearer k"
    assert signed(HeaderAuth({"X-Top-Role-Id": "data"})) == {
        "Content-Type": "application/json",
        "X-Top-Role-Id": "data",
    }


@pytest.mark.parametrize("auth", [APIKey("k"), HeaderAuth({"a": "b"})])
def test_session_tokens_need_an_access_key(auth: Auth) -> None:
    with pytest.raises(InvalidInputError, match="sts_token goes with an access key"):
        signed(auth, token="TOKEN")


def test_own_ways_override_one_method() -> None:
    class Today(Auth):
        def initialize(self, *, service: str, region: str) -> None:
            self.place = f"{service}/{region}"

        def sign_request(self, request: Any) -> None:
            request.headers["Authorization"] = self.place

    class Former(AuthStrategy):
        def apply(self, request: Any) -> None:
            request.headers["Authorization"] = request.url

    assert signed(Today())["Authorization"] == "vikingdb/cn-beijing"
    assert signed(Former())["Authorization"] == "https://example.com/api?b=x+y%2Fz&a=1~2"
    with pytest.raises(NotImplementedError, match="Auth must override sign_request"):
        signed(Auth())


@pytest.mark.parametrize(
    "call",
    [
        lambda: IAM(),
        lambda: IAM("AK"),
        lambda: IAM("", "s3cret"),
        lambda: IAM("AK", "s3cret\n"),
        lambda: IAM("AK", "s3cret", sk="s3cret"),
        lambda: IAM("AK", 5),
        lambda: APIKey(""),
        lambda: APIKey("s3cret\r\nX-A: b"),
        lambda: APIKey("s3crét"),
        lambda: IAM("AK", "s3cret").signer(service="vikingdb", region=""),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(call: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a text|give") as caught:
        call()
    assert "s3c" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    shown = repr([IAM("AK", "s3cret", session_token="t0ken"), APIKey("s3cret"), HeaderAuth({"X-Key": "s3cret"})])
    assert "s3cret" not in shown
    assert "t0ken" not in shown


def test_equal_keys_are_equal() -> None:
    assert IAM("AK", "SK") == IAM(ak="AK", sk="SK")
    assert hash(IAM("AK", "SK")) == hash(IAM(ak="AK", sk="SK"))
    assert IAM("AK", "SK") != IAM("AK", "SK", session_token="t")
