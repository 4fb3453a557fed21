"""The code blocks of the SDK's documentation, as printed but for the address; the import finds QuiverDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cosdata_places import emptied

from quiverdb import dropin
from quiverdb.cosdata import Client

CONNECT = """
from cosdata.client import Client

# Initialize the client with your server details
client = Client(
    host="http://127.0.0.1:8443",  # Default host
    username="admin",               # Default username
    password="admin",               # Default password
    verify=False                    # SSL verification
)
"""
CREATE_COLLECTION = """
# Create a collection for storing 768-dimensional vectors
collection = client.collections.create(
    name="my_collection",
    dimension=768,                  # Vector dimension
    description="My vector collection"
)
"""
CREATE_INDEX = """
# Create an index with custom parameters
index = client.indexes.create(
    collection_name="my_collection",
    distance_metric="cosine",       # Default: cosine
    num_layers=10,                  # Default: 10
    max_cache_size=1000,           # Default: 1000
    ef_construction=128,           # Default: 128
    ef_search=64,                  # Default: 64
    neighbors_count=32,            # Default: 32
    level_0_neighbors_count=64     # Default: 64
)
"""
ADD_VECTORS = """
# Generate some example vectors
import numpy as np

def generate_random_vector(id: int, dimension: int) -> dict:
    values = np.random.uniform(-1, 1, dimension).tolist()
    return {
        "id": id,
        "values": values,
        "metadata": {  # Optional metadata
            "created_at": "2024-03-20",
            "category": "example"
        }
    }

# Generate and insert vectors
vectors = [generate_random_vector(i, 768) for i in range(100)]

# Add vectors using a transaction
with client.transactions.create() as txn:
    txn.upsert("my_collection", vectors)
"""
SEARCH = """
# Search for similar vectors
results = client.search.query(
    collection_name="my_collection",
    vector=vectors[0]["values"],  # Use first vector as query
    nn_count=5                    # Number of nearest neighbors
)

# Fetch a specific vector
vector = client.vectors.fetch(
    collection_name="my_collection",
    vector_id="1"
)
"""
MANAGE = """
# Get collection information
collection_info = client.collections.get("my_collection")
print(f"Collection info: {collection_info}")

# List all collections
print("Available collections:")
for coll in client.collections.list():
    print(f" - {coll['name']} (dimension: {coll['dimension']})")
"""
VERSIONS = """
# Create a new version
version = client.versions.create(
    collection_name="my_collection",
    description="New version with updated vectors"
)

# List versions
versions = client.versions.list("my_collection")
for v in versions:
    print(f"Version {v['id']}: {v['description']}")

# Get version info
version_info = client.versions.get(
    collection_name="my_collection",
    version_id="1"
)
"""
REFERENCE = """
client = Client(
    host="http://127.0.0.1:8443",  # Optional
    username="admin",               # Optional
    password="admin",               # Optional
    verify=False                    # Optional
)
"""

Run = Callable[[str], dict[str, Any]]


@pytest.fixture(params=["memory", "folder", "server"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Run a block after those before it, and return its names."""
    address = {"memory": 'host=":memory:"', "folder": f"path={str(tmp_path)!r}"}
    if request.param == "server":
        url = request.getfixturevalue("cosdata_url")
        address["server"] = f'host="{url}"'
        with Client(url) as client:
            emptied(client)
    names: dict[str, Any] = {}
    clients = []

    def block(text: str) -> dict[str, Any]:
        exec(text.replace('host="http://127.0.0.1:8443"', address[request.param]), names)
        if names["client"] not in clients:
            clients.append(names["client"])
        return names

    with dropin.installed("cosdata", replace=True):
        yield block
    for client in clients:
        client.close()


def test_the_blocks_run_in_order(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(CONNECT)
    collection = run(CREATE_COLLECTION)["collection"]
    assert (collection["name"], collection["dimension"]) == ("my_collection", 768)
    assert run(CREATE_INDEX)["index"]["collection_name"] == "my_collection"
    run(ADD_VECTORS)

    names = run(SEARCH)
    assert len(names["results"]["results"]) == 5
    best = names["results"]["results"][0]
    assert (best["id"], best["score"]) == ("0", pytest.approx(1.0, abs=1e-5))
    assert names["vector"]["id"] == "1"
    assert names["vector"]["values"] == pytest.approx(names["vectors"][1]["values"], rel=1e-6)
    assert names["vector"]["metadata"] == {"created_at": "2024-03-20", "category": "example"}

    capsys.readouterr()
    run(MANAGE)
    described, *listed = capsys.readouterr().out.splitlines()
    assert described.startswith("Collection info: Collection(name='my_collection', description='My vector collection'")
    assert listed == ["Available collections:", " - my_collection (dimension: 768)"]

    names = run(VERSIONS)
    assert capsys.readouterr().out == "Version 1: New version with updated vectors\n"
    assert names["version_info"] == names["version"]
    assert (names["version_info"]["id"], names["version_info"]["vector_count"]) == ("1", 100)

    client, again = names["client"], run(REFERENCE)["client"]
    assert again is not client


def test_the_modules_have_the_documented_methods(run: Run) -> None:
    client = run(CONNECT)["client"]
    run(CREATE_COLLECTION)
    documented = {
        "collections": ["create", "get", "list", "delete"],
        "transactions": ["create", "commit", "abort"],
        "search": ["query", "query_sparse"],
        "indexes": ["create", "get", "delete"],
        "vectors": ["fetch", "delete"],
        "versions": ["create", "get", "list", "delete"],
    }
    for module, methods in documented.items():
        assert all(callable(getattr(getattr(client, module), method)) for method in methods)


def test_promises(run: Run) -> None:
    """At most 200 vectors; exceptions on failure; aborts by themselves; versions come and go."""
    run(CONNECT)
    run(CREATE_COLLECTION)
    names = run(CREATE_INDEX)
    client = names["client"]
    row = {"values": [1.0] * 768}
    with pytest.raises(Exception, match="200"), client.transactions.create() as txn:
        txn.upsert("my_collection", [{"id": n, **row} for n in range(201)])
    with pytest.raises(Exception, match="Collection"), client.transactions.create() as txn:
        txn.upsert("my_collection", [{"id": 1, **row}]).upsert("your_collection", [{"id": 1, **row}])
    assert client.search.query("my_collection", row["values"])["results"] == []
    txn = client.transactions.create()
    txn.upsert("my_collection", [{"id": 1, **row}])
    assert isinstance(client.transactions.commit(txn.transaction_id), dict)
    version = client.versions.create("my_collection")
    client.vectors.delete("my_collection", 1)
    with pytest.raises(Exception, match="Not Found"):
        client.vectors.fetch("my_collection", 1)
    assert client.versions.delete("my_collection", version["id"]) is None
    assert client.indexes.delete("my_collection") is None
    assert client.indexes.get("my_collection")["indexes"] == []
    assert client.collections.delete("my_collection") is None
    assert client.collections.list() == []
