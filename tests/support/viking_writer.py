"""The process that gets killed: upserts numbered requests to a folder and tells on stdout what was acknowledged.

usage: viking_writer.py FOLDER FIRST. Request N stores ROWS rows with the keys 1 to ROWS, each with N in every field.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from quiverdb.engine.database import EngineDatabase
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.service import Service

NAME, INDEX, ROWS, DIM = "rows", "main", 100, 64
FIELDS = [
    {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
    {"FieldName": "number", "FieldType": "int64"},
    {"FieldName": "vector", "FieldType": "vector", "Dim": DIM},
    {"FieldName": "terms", "FieldType": "sparse_vector"},
]


def rows(number: int) -> list[dict[str, Any]]:
    """Return the rows of a request."""
    vector, terms = [float(number)] * DIM, {"term": float(number)}
    return [{"id": key, "number": number, "vector": vector, "terms": terms} for key in range(1, ROWS + 1)]


def say(text: str) -> None:
    """Write a line that survives the death of this process."""
    os.write(1, f"{text}\n".encode())


def main(folder: str, first: int) -> None:
    service = Service.of(EngineDatabase.open(folder))
    for operation, body in (
        ("create_collection", {"Fields": FIELDS}),
        ("create_index", {"IndexName": INDEX, "VectorIndex": {"IndexType": "hnsw_hybrid", "Quant": "float"}}),
    ):
        try:
            service.call(operation, {"CollectionName": NAME, **body})
        except VikingException as error:
            if not error.code.startswith("AlreadyExists"):
                raise
    say("open")
    for number in range(first, first + 100_000):
        operation = "upsert" if number % 2 else "update"
        service.call(operation, {"collection_name": NAME, "data": rows(number), "ttl": number % 3 * 1_000_000})
        say(str(number))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
