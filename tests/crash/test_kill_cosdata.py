"""Kill a process that commits by Cosdata's API: each commit is there whole, or not at all, over collections as well.

``QUIVERDB_CRASH_ROUNDS`` sets the number of kills.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import cosdata_writer
from cosdata_writer import ALONE, COUNT, LEFT, RIGHT, SIZE

from quiverdb.cosdata.service.layout import JOURNAL
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase

ROUNDS = int(os.environ.get("QUIVERDB_CRASH_ROUNDS", "12"))


def acknowledged(folder: Path, first: int, random: Random) -> int:
    """Kill a writer soon after some commits, and return the number of the last one that it acknowledged."""
    command = [sys.executable, cosdata_writer.__file__, str(folder), str(first)]
    wanted = random.choice([0, 1, 3, 10])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[str] = []
        while len(lines) < 1 + wanted and (line := process.stdout.readline()):
            lines.append(line.strip())
        time.sleep(random.random() * 0.03)  # no waiting for something: a random instant
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().split()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGKILL, errors
    return max([first - 1, *(int(line) for line in lines if line.isdigit())])


def number_of(service: Service, name: str, **version: Any) -> int:
    """The commit that all vectors of a state come from; 0 if there are none."""
    found = service.call("find_vectors", {"collection": name, "document_id": "d", **version})
    if not found:
        return 0
    [number] = {int(value) for vector in found for value in vector["dense_values"]}
    ids = {vector["id"] for vector in found}
    assert ids == {str(id) for id in range(COUNT)} - {str(number % COUNT)}
    assert {vector["text"] for vector in found} == {f"t{number}"}
    assert [vector["dense_values"] for vector in found] == [[float(number)] * SIZE] * (COUNT - 1)
    if not version:
        assert service.call("get_collection", {"collection": name})["vectors_count"] == COUNT - 1
    return number


def test_a_commit_survives_a_kill_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    random = Random(1)
    last = 0
    for _ in range(ROUNDS):
        last = acknowledged(tmp_path / "db", last + 1, random)
        with EngineDatabase.open(tmp_path / "db") as database:
            service = Service(database)
            if not set(service.call("loaded_collections", {})) >= {ALONE, LEFT, RIGHT}:
                assert last == 0
                continue
            left, right = number_of(service, LEFT), number_of(service, RIGHT)
            assert left == right, "one collection has a commit that the other has not"
            alone = number_of(service, ALONE)
            versions = service.call("list_versions", {"collection": ALONE})["versions"]
            numbers = [number_of(service, ALONE, version=version["version_number"]) for version in versions]
            assert all(number <= last + 1 for number in (*numbers, alone, left))
            even, odd = last - last % 2, last - 1 + last % 2
            assert left in (even, last + 1)
            assert alone in (odd, last + 1, *numbers)
            assert not database.has_collection(JOURNAL) or database.count(JOURNAL) == 0
            last = max(last, left, alone)
    assert last > ROUNDS
