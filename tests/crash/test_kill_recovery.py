"""Kill a process that recovers and takes snapshots: a collection is what it was or what it was to become."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import numpy as np

from quiverdb.database import ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.engine.storage.archive import file_sha256
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.write import Upsert

ROUNDS = int(os.environ.get("QUIVERDB_CRASH_ROUNDS", "4"))
PROGRAM = """
import itertools, sys
from quiverdb.engine.database import EngineDatabase
database = EngineDatabase.open(sys.argv[1])
for name in itertools.cycle(sys.argv[2:]):
    database.recover_snapshot("c", name)
    print(name, flush=True)
    snapshot = database.create_snapshot("c")
    database.delete_snapshot("c", snapshot.name)
"""
COUNT = 400


def state(database: EngineDatabase) -> set[float]:
    records = database.scroll("c", ScrollRequest(limit=2 * COUNT, with_vectors=True)).records
    assert len(records) == COUNT
    return {record.vectors[""][0] for record in records}


def test_kills_leave_the_old_or_the_new(tmp_path):
    random = Random(1)
    folder = tmp_path / "db"
    values: dict[str, float] = {}
    with EngineDatabase.open(folder) as database:
        database.create_collection("c", CollectionSpec({"": VectorSpec(64, Distance.DOT)}))
        for value in (1.0, 2.0, 3.0):
            column = DenseColumn(np.full((COUNT, 64), value, "f4"))
            database.write("c", [Upsert(Points(list(range(COUNT)), {"": column}))])
            values[database.create_snapshot("c").name] = value
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", PROGRAM, str(folder), *values]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            lines = [process.stdout.readline() for _ in range(random.randrange(1, 4))]
            time.sleep(random.random() * 0.1)  # no waiting for something: a random instant
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines()
            assert process.wait() == -signal.SIGKILL, process.stderr.read()
        with EngineDatabase.open(folder) as database:
            (found,) = state(database)
            last = values[lines[-1].strip()]
            assert found in (last, last % 3 + 1), "neither what was acknowledged nor what came next"
            assert len(list((folder / "collections").iterdir())) == 1
            snapshots = {snapshot.name: snapshot for snapshot in database.snapshots("c")}
            assert values.keys() <= snapshots.keys()
            files = {path.name for path in (folder / "snapshots" / "c").iterdir()}
            assert files == snapshots.keys() | {f"{name}.checksum" for name in snapshots}
            for name, snapshot in snapshots.items():
                assert snapshot.checksum == file_sha256(Path(snapshot.path))
                if name not in values:  # the process came to its end before it could delete it
                    database.recover_snapshot("copy", snapshot.path, checksum=snapshot.checksum)
                    database.delete_collection("copy")
                    database.delete_snapshot("c", name)
