"""A process that is killed while it writes leaves whole requests: all of the last one or nothing of it.

``QUIVERDB_CRASH_ROUNDS`` sets the number of rounds. One folder goes through all of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import viking_writer
from viking_place import Place

from quiverdb.engine.database import EngineDatabase

ROUNDS = int(os.environ.get("QUIVERDB_CRASH_ROUNDS", "6"))
WRITER = Path(viking_writer.__file__)
KEYS = list(range(1, viking_writer.ROWS + 1))


def kill_writing(folder: Path, first: int, acknowledged: int, delay: float) -> list[str]:
    """Kill a writer some time after so many acknowledgements, and return what it said."""
    command = [sys.executable, str(WRITER), str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[str] = []
        while len(lines) <= acknowledged and (line := process.stdout.readline()):
            lines.append(line.strip())
        time.sleep(delay)  # no waiting for something: a random instant
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGKILL, errors
    return lines


def stored_number(folder: Path) -> int:
    """Return the one number that all that is stored must agree on."""
    with EngineDatabase.open(folder) as database:
        place = Place(database, time.time)
        found = place.ask("fetch_in_collection", ids=KEYS)
        compared = place.ask_index("fetch_in_index", ids=KEYS)
    assert found["ids_not_exist"] == compared["ids_not_exist"] == []
    numbers = {row["fields"]["number"] for row in found["fetch"]}
    assert len(numbers) == 1, "a request was applied in part"
    number = numbers.pop()
    vector = [float(number)] * viking_writer.DIM
    assert all(row["fields"]["vector"] == vector for row in found["fetch"])
    assert all(row["dense_vector"] == vector for row in compared["fetch"])
    assert all(row["sparse_vector"] == {"term": float(number)} for row in compared["fetch"])
    return int(number)


def test_kills_leave_whole_requests(tmp_path: Path) -> None:
    random = Random(1)
    number = 0
    for _ in range(ROUNDS):
        first = number + 1 if number % 2 == 0 else number + 2  # the first request of a writer is an upsert
        said = kill_writing(tmp_path, first, random.randint(1, 4), random.random() ** 3 * 0.05)
        acknowledged = int(said[-1])
        number = stored_number(tmp_path)
        assert number in (acknowledged, acknowledged + 1)
