"""The quick start of VikingDB's first SDK, as its documentation prints it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["ADDRESS", "IMPORTS", "QUICKSTART", "run_quickstart"]

QUICKSTART = """\
from vikingdb import IAM
from vikingdb.vector import UpsertDataRequest, VikingDB

client = VikingDB(
    endpoint="https://api.vector.bytedance.com",
    region="cn-beijing",
    timeout=30.0,
    user_agent="vikingdb-python-sdk-demo",
    auth=IAM("<AK>", "<SK>"),
)

collection = client.collection(collection_name="demo_collection")
index = client.index(collection_name="demo_collection", index_name="demo_index")
embedding = client.embedding()

# Upsert documents into a collection
upsert_request = UpsertDataRequest(
    data=[
        {"title": "Demo Chapter", "paragraph": 1, "score": 42.0, "text": "hello vikingdb"},
    ]
)
response = collection.upsert(upsert_request)
print("request_id:", response.request_id, "result:", response.result)

# Run a quick search
search_response = index.search_by_random({"limit": 1})
print("search hits:", len(search_response.result.data) if search_response.result else 0)
"""
ADDRESS = 'endpoint="https://api.vector.bytedance.com"'
IMPORTS = "from vikingdb"


def run_quickstart(folder: Path, address: str, *launcher: str, imports: str = IMPORTS) -> list[str]:
    """Run the quick start with another address, and perhaps other imports, and return what it printed."""
    assert ADDRESS in QUICKSTART
    program = folder / "quickstart.py"
    program.write_text(QUICKSTART.replace(ADDRESS, address).replace(IMPORTS, imports))
    done = subprocess.run([sys.executable, *launcher, str(program)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
