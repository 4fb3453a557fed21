"""Write the asynchronous VikingDB client from the synchronous one, see ``source_twins``.

What the two do each in its own way is in ``quiverdb.vikingdb._connection`` and ``quiverdb.vikingdb.transport``.

    python tools/gen_vikingdb_async.py            write the files
    python tools/gen_vikingdb_async.py --check    fail if a file differs from what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from source_twins import Twins, main

EXAMPLES = {
    "VikingDB": """
    >>> import asyncio
    >>> from quiverdb.vikingdb.vector import AsyncVikingDB
    >>> async def main() -> None:
    ...     async with AsyncVikingDB(":memory:") as client:
    ...         made = await client.embedding().embedding(data=[{"text": "hello"}], dense_model={"name": "bge-m3"})
    ...         print(len(made.result.data[0].dense))
    >>> asyncio.run(main())
    1024
    """
}

TWINS = Twins(
    tool="gen_vikingdb_async.py",
    package="quiverdb.vikingdb.vector",
    sources=("base", "client", "collection", "control", "embedding", "index", "rerank"),
    bases={"Connection": ["call", "close", "ping", "request"]},
    receivers={"_connection": "Connection"},
    examples=EXAMPLES,
)

if __name__ == "__main__":
    main(TWINS)
