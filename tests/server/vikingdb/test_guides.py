"""The guides on a server in a process of its own: the official ones through both SDKs, and ours as they are."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.serving import Served, served
from tests.support.vikingdb_guides import FLOWS, Sdk, run_guides
from tests.support.vikingdb_official import official
from tests.support.vikingdb_quickstart import IMPORTS, run_quickstart
from typer.testing import CliRunner

from quiverdb.cli.app import app
from quiverdb.vikingdb import IAM, APIKey, RequestOptions, vector
from quiverdb.vikingdb.guides import DEMO, TEXT, VECTOR
from quiverdb.vikingdb.vector import VikingDB

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vikingdb

KEYS = [{"access_key": "<AK>", "secret_key": "<SK>"}, {"api_key": "key-of-guides"}]
SEED = ("vikingdb", "seed-guides", "--ak", "<AK>", "--sk", "<SK>", "--url")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("guides")
    with served(folder, "--set", f"vikingdb.keys={json.dumps(KEYS)}", data=folder / "data") as running:
        done = CliRunner().invoke(app, [*SEED, running.url])
        assert done.exit_code == 0, done.stderr
        assert done.stdout.splitlines()[0] == "created the collection 'text'"
        yield running


def test_the_server_is_prepared_once(server: Served) -> None:
    done = CliRunner().invoke(app, [*SEED, server.url])
    assert (done.exit_code, done.stderr) == (0, "")
    assert all(line.endswith("there") for line in done.stdout.splitlines())


def test_only_those_who_have_a_key_prepare_it(server: Served) -> None:
    done = CliRunner().invoke(app, ["vikingdb", "seed-guides", "--api-key", "another", "--url", server.url])
    assert done.exit_code == 1
    assert "InvalidCredential" in done.stderr


@pytest.fixture(scope="module", params=["official", "own"])
def sdk(request: pytest.FixtureRequest, server: Served) -> Iterator[Sdk]:
    place: dict[str, Any] = {"host": server.url.removeprefix("http://"), "scheme": "http", "region": "cn-beijing"}
    if request.param == "official":
        client = vikingdb.VikingDB(auth=vikingdb.IAM(ak="<AK>", sk="<SK>"), **place)
        with closing(client.session):
            yield Sdk(client, official, vikingdb.RequestOptions)
    else:
        with VikingDB(auth=IAM(ak="<AK>", sk="<SK>"), **place) as own:
            yield Sdk(own, vector, RequestOptions)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_what_the_official_guides_do_works(sdk: Sdk, flow: Callable[[Sdk], None]) -> None:
    flow(sdk)


def counts(server: Served) -> list[int]:
    """How many rows there are in the collections of the guides."""
    with VikingDB(server.url, auth=APIKey("key-of-guides")) as client:
        found = [client.get_collection(collection_name=each.collection).result for each in (TEXT, VECTOR, DEMO)]
    return [each["CollectionStats"]["DataCount"] for each in found]


@pytest.mark.parametrize(
    "how",
    [
        lambda url: {"ENDPOINT": url, "API_KEY": "key-of-guides"},
        lambda url: {"HOST": url.removeprefix("http://"), "SCHEME": "http", "AK": "<AK>", "SK": "<SK>"},
    ],
    ids=["API key", "signed"],
)
def test_our_guides_leave_nothing(server: Served, tmp_path: Path, how: Callable[[str], dict[str, str]]) -> None:
    before = counts(server)
    assert f"VikingDB: {server.url}" in run_guides(tmp_path, **how(server.url))
    assert counts(server) == before


@pytest.mark.parametrize(
    ("imports", "launcher"),
    [("from quiverdb.vikingdb", ()), (IMPORTS, ("-m", "quiverdb", "run"))],
    ids=["own imports", "as printed"],
)
def test_the_quick_start_runs(server: Served, tmp_path: Path, imports: str, launcher: tuple[str, ...]) -> None:
    before = counts(server)
    written, found = run_quickstart(tmp_path, f'endpoint="{server.url}"', *launcher, imports=imports)
    assert written.startswith("request_id: ")
    assert "ids=[" in written
    assert found == "search hits: 1"
    assert counts(server) == [before[0], before[1], before[2] + 1]
