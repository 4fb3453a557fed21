"""The process that gets killed: commits to a folder, without end, and tells on stdout what was acknowledged.

usage: cosdata_writer.py FOLDER FIRST. Commit ``n`` writes ``n`` into all vectors of the collection ``alone``, or of
``left`` and ``right`` together if ``n`` is even, so that a commit of which a part is there can be told. Now and then a
version is created, or one is made current again and then another written.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase

ALONE, LEFT, RIGHT = "alone", "left", "right"
COUNT = 40
SIZE = 8


def say(text: str) -> None:
    """Write a line that survives the death of this process: no buffer of ours holds it back."""
    os.write(1, f"{text}\n".encode())


def names_of(number: int) -> tuple[str, ...]:
    """The collections that a commit changes."""
    return (ALONE,) if number % 2 else (LEFT, RIGHT)


def vectors(number: int) -> list[dict[str, Any]]:
    return [{"id": id, "values": [number] * SIZE, "document_id": "d", "text": f"t{number}"} for id in range(COUNT)]


def write(service: Service, number: int) -> None:
    """Carry out one commit."""
    transactions = []
    for name in names_of(number):
        made = service.call("create_transaction", {"collection": name})
        one = {"collection": name, "transaction_id": made["transaction_id"]}
        service.call("upsert_in_transaction", {**one, "vectors": vectors(number)})
        service.call("delete_in_transaction", {**one, "id": number % COUNT})
        transactions.append(one)
    service.call("commit_together", {"transactions": transactions})


def name_versions(service: Service, number: int) -> None:
    """Create, switch and delete versions of the collection that is written to alone."""
    versions = service.call("list_versions", {"collection": ALONE})["versions"]
    if number % 6 == 1:
        service.call("create_version", {"collection": ALONE})
    if len(versions) > 4:
        service.call("set_current_version", {"collection": ALONE, "version": versions[1]["version_number"]})
        service.call("delete_version", {"collection": ALONE, "version": versions[0]["version_number"]})


def main(folder: str, first: int) -> None:
    service = Service(EngineDatabase.open(folder))
    there = service.call("loaded_collections", {})
    for name in (ALONE, LEFT, RIGHT):
        if name not in there:
            dense = {"enabled": True, "dimension": SIZE}
            service.call("create_collection", {"name": name, "dense_vector": dense, "store_raw_text": True})
        if not any(index["type"] == "dense" for index in service.call("list_indexes", {"collection": name})["indexes"]):
            service.call("create_dense_index", {"collection": name})
    say("open")
    number = first
    while True:
        write(service, number)
        say(str(number))
        name_versions(service, number)
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
