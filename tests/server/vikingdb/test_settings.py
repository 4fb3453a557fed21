"""The settings of VikingDB's protocol: where its keys come from, and which make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.server.settings import Service, Settings, VikingDB, VikingKey, check_settings
from quiverdb.server.sources import load_settings

KEYS = (
    VikingKey(access_key="AK", secret_key="SK", session_token="T", collections=("docs", "shop.docs")),
    VikingKey(api_key="key", read_only=True),
)
TOML = """
[[vikingdb.keys]]
access_key = "AK"
secret_key = "SK"
session_token = "T"
collections = ["docs", "shop.docs"]

[[vikingdb.keys]]
api_key = "key"
read_only = true
"""
YAML = """
vikingdb:
  keys:
    - {access_key: AK, secret_key: SK, session_token: T, collections: [docs, shop.docs]}
    - {api_key: key, read_only: true}
"""
JSON = """[
    {"access_key": "AK", "secret_key": "SK", "session_token": "T", "collections": ["docs", "shop.docs"]},
    {"api_key": "key", "read_only": true}
]"""


@pytest.mark.parametrize(("name", "text"), [("s.toml", TOML), ("s.yaml", YAML)])
def test_keys_come_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert load_settings(file=tmp_path / name, environment={}).vikingdb.keys == KEYS


def test_keys_come_from_the_environment_and_from_flags() -> None:
    assert load_settings(environment={"QUIVERDB__VIKINGDB__KEYS": JSON}).vikingdb.keys == KEYS
    assert load_settings({"vikingdb.keys": JSON}, environment={}).vikingdb.keys == KEYS
    assert load_settings({"vikingdb_port": 0}, environment={}).vikingdb.port == 0


@pytest.mark.parametrize("text", ["x", "{}", "[1]", '[{"api_key": 1}]', '[{"api_kee": "secret"}]', "[", ""])
def test_other_texts_are_errors_that_tell_no_secret(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"vikingdb\.keys has a wrong value") as caught:
        load_settings(environment={"QUIVERDB__VIKINGDB__KEYS": text})
    assert caught.value.field == "vikingdb.keys"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ([{}], "vikingdb.keys[0]"),
        ([{"access_key": "AK"}], "vikingdb.keys[0]"),
        ([{"secret_key": "SK"}], "vikingdb.keys[0]"),
        ([{"secret_key": "SK", "api_key": "k"}], "vikingdb.keys[0]"),
        ([{"session_token": "T", "api_key": "k"}], "vikingdb.keys[0]"),
        ([{"api_key": " k"}], "vikingdb.keys[0].api_key"),
        ([{"access_key": "AK", "secret_key": "S\n"}], "vikingdb.keys[0].secret_key"),
        ([{"access_key": "AK", "secret_key": "\udc80"}], "vikingdb.keys[0].secret_key"),
        ([{"api_key": "k"}, {"api_key": "k", "read_only": True}], "vikingdb.keys[1].api_key"),
        (
            [{"access_key": "A", "secret_key": "S"}, {"access_key": "A", "secret_key": "T"}],
            "vikingdb.keys[1].access_key",
        ),
        ([{"api_key": "whole"}], "vikingdb.keys[0].api_key"),
        ([{"api_key": "half"}], "vikingdb.keys[0].api_key"),
    ],
)
def test_keys_that_make_no_sense(keys: list[dict[str, Any]], field: str) -> None:
    service = Service(api_key="whole", read_only_api_key="half")
    settings = Settings(service=service, vikingdb=VikingDB(keys=tuple(VikingKey(**key) for key in keys)))
    with pytest.raises(InvalidInputError) as caught:
        check_settings(settings)
    assert caught.value.field == field


def test_headers_of_a_gateway_are_for_this_machine_or_on_purpose() -> None:
    trusting = VikingDB(header_auth=True)
    check_settings(Settings(vikingdb=trusting))
    public = Service(host="0.0.0.0", api_key="k")
    with pytest.raises(InvalidInputError, match="everybody who reaches"):
        check_settings(Settings(service=public, vikingdb=trusting))
    check_settings(Settings(service=Service(host="0.0.0.0", insecure=True), vikingdb=trusting))


def test_keys_of_vikingdb_do_not_open_a_public_address() -> None:
    with pytest.raises(InvalidInputError, match=r"set service\.api_key"):
        check_settings(Settings(service=Service(host="0.0.0.0"), vikingdb=VikingDB(keys=KEYS)))


def test_secrets_are_not_shown() -> None:
    text = repr(Settings(vikingdb=VikingDB(keys=(VikingKey(access_key="AK", secret_key="se", api_key="cr"),))))
    assert "AK" in text
    assert "'se'" not in text
    assert "'cr'" not in text
