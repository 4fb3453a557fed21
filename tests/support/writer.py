"""The process that gets killed: writes numbered operations to a folder and tells on stdout what was acknowledged.

usage: writer.py FOLDER FIRST COUNT STATE, where STATE is the pickled state before operation FIRST. Lines on stdout:
``opening``, ``open``, ``NUMBER OPERATION_ID`` for each acknowledged operation, ``closing``, ``closed``.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import ledger

from quiverdb.qdrant import QdrantClient


def say(text: str) -> None:
    """Write a line that survives the death of this process: no buffer of ours holds it back."""
    os.write(1, f"{text}\n".encode())


def operation_id(answer: Any) -> int | None:
    last = answer[-1] if isinstance(answer, list) else answer
    return getattr(last, "operation_id", None)


def main(folder: str, first: int, count: int, state: ledger.State) -> None:
    say("opening")
    client = QdrantClient(path=folder)
    if not client.collection_exists(ledger.NAME):
        ledger.create(client)
    say("open")
    for number in range(first, first + count):
        answer = ledger.operation(number, state).send(client, number % 3 != 0)
        say(f"{number} {operation_id(answer)}")
        state = ledger.after(state, number)
    say("closing")
    client.close()
    say("closed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), pickle.loads(Path(sys.argv[4]).read_bytes()))
