"""Programs for the official SDK find what they import, and run unchanged."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from quiverdb import dropin
from quiverdb.errors import UnsupportedError
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.official import MODULES

SEED = {"config", "credentials", "transport"}
"""Modules that only the first release has."""

LACKING = {
    "exceptions": {"ParsedError", "parse_error_payload", "promote_exception"},
    "knowledge.exceptions": {"EXCEPTION_MAP"},
}
"""Names of the official modules that nobody was seen to import."""

NAMES = {
    "": "IAM APIKey ClientConfig RetryConfig CollectionClient EmbeddingClient IndexClient HTTPError TransportError "
    "VikingDBError RequestOptions VikingDB vector",
    "config": "ClientConfig RetryConfig",
    "credentials": "IAM APIKey AuthStrategy",
    "exceptions": "HTTPError TransportError VikingDBError",
    "request_options": "RequestOptions ensure_request_options",
    "transport": "Transport",
    "version": "__version__",
    "vector": "VikingDB CollectionClient IndexClient EmbeddingClient UpsertDataRequest SearchByRandomRequest",
}
"""What the first release is known to have."""


def theirs(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"vikingdb.{name}".rstrip("."))


@pytest.mark.parametrize("name", sorted(MODULES.keys() - SEED))
def test_modules_offer_what_the_official_ones_define(name: str) -> None:
    module = theirs(name)
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    defined |= set(getattr(module, "__all__", ()))
    sources = [importlib.import_module(source) for source in MODULES[name]]
    missing = {key for key in defined if not any(hasattr(source, key) for source in sources)}
    assert missing - {inner.rpartition(".")[2] for inner in MODULES} == LACKING.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_first_release_are_found(name: str) -> None:
    with dropin.installed("vikingdb", replace=True):
        module = importlib.import_module(f"vikingdb.{name}".rstrip("."))
        for wanted in NAMES[name].split():
            assert getattr(module, wanted) is not None


def test_names_of_requests_are_those_of_the_official_client() -> None:
    from quiverdb.vikingdb.official import apis
    from quiverdb.vikingdb.vector._apis import APIS

    for name in apis.__all__:
        assert getattr(apis, name) == getattr(theirs("vector.client"), name)
    assert {getattr(apis, name) for name in apis.__all__} == set(APIS)


@pytest.mark.parametrize(("product", "name"), [("memory", "VikingMem"), ("knowledge", "VikingKnowledge")])
def test_other_products_can_be_imported_and_not_used(product: str, name: str) -> None:
    with dropin.installed("vikingdb", replace=True):
        module = importlib.import_module(f"vikingdb.{product}")
        root = importlib.import_module("vikingdb")
        assert getattr(root, name) is getattr(module, name)
        with pytest.raises(UnsupportedError, match=f"{name} is not supported by QuiverDB"):
            getattr(module, name)(host="h", region="r", auth=None)
        assert issubclass(module.UnauthorizedException, VikingException)
        assert module.UnauthorizedException is module.UnauthorizedException
        with pytest.raises(AttributeError):
            module.Unheard  # noqa: B018


QUICKSTART = """
from vikingdb import IAM
from vikingdb.vector import UpsertDataRequest, VikingDB

client = VikingDB(
    endpoint=":memory:",
    region="cn-beijing",
    timeout=30.0,
    user_agent="vikingdb-python-sdk-demo",
    auth=IAM("<AK>", "<SK>"),
)

client.create_collection(
    collection_name="demo_collection",
    fields=[
        {"FieldName": "title", "FieldType": "string"},
        {"FieldName": "paragraph", "FieldType": "int64"},
        {"FieldName": "score", "FieldType": "float32"},
        {"FieldName": "text", "FieldType": "text"},
    ],
    vectorize={"Dense": {"ModelName": "bge-m3", "TextField": "text", "Dim": 1024}},
)
client.create_index(
    collection_name="demo_collection",
    index_name="demo_index",
    vector_index={"IndexType": "hnsw", "Distance": "ip", "Quant": "float"},
)

collection = client.collection(collection_name="demo_collection")
index = client.index(collection_name="demo_collection", index_name="demo_index")
embedding = client.embedding()

upsert_request = UpsertDataRequest(
    data=[{"title": "Demo Chapter", "paragraph": 1, "score": 42.0, "text": "hello vikingdb"}]
)
response = collection.upsert(upsert_request)
print("request_id:", response.request_id, "result:", response.result)
search_response = index.search_by_random({"limit": 1})
print("search hits:", len(search_response.result.data) if search_response.result else 0)
client.close()
"""


def test_the_quickstart_runs_with_quiverdb_in_place_of_the_sdk(tmp_path: Path) -> None:
    program = tmp_path / "quickstart.py"
    program.write_text(QUICKSTART)
    command = [sys.executable, "-W", "error", "-m", "quiverdb", "run", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    written, found = done.stdout.splitlines()
    assert written.startswith("request_id: ")
    assert "ids=[" in written
    assert found == "search hits: 1"


def test_today_s_calls_run_with_quiverdb_in_place_of_the_sdk() -> None:
    program = (
        "import vikingdb, warnings\n"
        "from vikingdb.auth import HeaderAuth\n"
        "from vikingdb.vector import VikingVector\n"
        "from vikingdb.vector.client import API_VECTOR_DATA_UPSERT\n"
        "from vikingdb.version import __version__\n"
        "warnings.simplefilter('ignore')\n"
        "client = VikingVector(host='127.0.0.1:1', scheme='http', region='r', auth=vikingdb.IAM(ak='a', sk='b'))\n"
        "print(client, API_VECTOR_DATA_UPSERT, vikingdb.__version__ == __version__)\n"
    )
    begin = "from quiverdb import dropin; dropin.install('vikingdb')\n"
    done = subprocess.run([sys.executable, "-c", begin + program], capture_output=True, text=True)
    assert done.stdout == "<VikingVector at http://127.0.0.1:1> VectorDataUpsert True\n", done.stderr
