"""Write the asynchronous Cosdata client from the synchronous one, see ``source_twins``.

What the two do each in its own way is in ``_twins`` and ``_connection``, in pairs.

    python tools/gen_cosdata_async.py            write the files
    python tools/gen_cosdata_async.py --check    fail if a file differs from what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from source_twins import Twins, main

EXAMPLES = {
    "Client": """
    >>> import asyncio
    >>> from quiverdb.cosdata import AsyncClient
    >>> async def main() -> None:
    ...     async with AsyncClient(":memory:") as client:
    ...         collection = await client.create_collection("cities", dimension=2)
    ...         _ = await collection.create_index(distance_metric="dot_product")
    ...         async with collection.transaction() as txn:
    ...             await txn.batch_upsert_vectors([{"id": n, "dense_values": [1.0, n]} for n in range(3)])
    ...         found = await collection.search.dense([1.0, 1.0], top_k=2)
    ...         print([hit["id"] for hit in found["results"]])
    >>> asyncio.run(main())
    ['2', '1']
    """
}

TWINS = Twins(
    tool="gen_cosdata_async.py",
    package="quiverdb.cosdata",
    prefix="_",
    sources=("auth", "client", "collections", "indexes", "search", "transactions", "vectors", "versions"),
    bases={"Connection": ["call", "close", "token"], "Begun": ["_begin", "_leave"]},
    functions={"gather": "async_gather", "pause": "async_pause", "within": "async_within"},
    not_awaited={"within"},
    receivers={
        "_connection": "Connection",
        "_open": "Registry",
        "auth": "Auth",
        "changes": "Changes",
        "client": "Client",
        "collection": "Collection",
        "collections": "Collections",
        "indexes": "Indexes",
        "transaction": "Changes",
        "vectors": "Vectors",
        "versions": "Versions",
    },
    examples=EXAMPLES,
)

if __name__ == "__main__":
    main(TWINS)
