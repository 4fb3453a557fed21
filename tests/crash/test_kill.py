"""Kill a writing process at random instants and check, each time, that the folder holds what was acknowledged.

``QUIVERDB_CRASH_ROUNDS`` sets the number of rounds for each of the folders. One folder goes through all its rounds.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import ledger
import numpy as np
import pytest

from quiverdb.qdrant import QdrantClient, models

ROUNDS = int(os.environ.get("QUIVERDB_CRASH_ROUNDS", "12"))
WRITER = Path(ledger.__file__).with_name("writer.py")
ENDLESS = 100_000


@dataclass
class Folder:
    """A folder that processes die on, and what it must hold."""

    path: Path
    random: Random
    state: ledger.State = field(default_factory=ledger.State)
    next: int = 1
    last_operation_id: int = -1
    versions: dict[int, int] = field(default_factory=dict)
    created: bool = False

    def kill_writing(self, acknowledged: int) -> None:
        """Kill a writer after some acknowledgements."""
        self._run(ENDLESS, lambda lines: len(lines) >= acknowledged + 2)

    def kill_closing(self, acknowledged: int) -> None:
        """Kill a writer that has begun to close the database."""
        self._run(acknowledged, lambda lines: lines[-1] == "closing")

    def kill_opening(self) -> None:
        """Kill a process that opens the folder and writes nothing."""
        self._run(0, lambda lines: lines[-1] == "opening")

    def _run(self, count: int, reached: Callable[[list[str]], bool]) -> None:
        """Start a writer of ``count`` operations, kill it soon after it got there, and note what it acknowledged."""
        state = self.path.with_suffix(".state")
        state.write_bytes(pickle.dumps(self.state))
        command = [sys.executable, str(WRITER), str(self.path), str(self.next), str(count), str(state)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            lines: list[str] = []
            while line := process.stdout.readline():
                lines.append(line.strip())
                if reached(lines):
                    break
            time.sleep(self.random.random() ** 3 * 0.05)  # no waiting for something: a random instant
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines()
            errors = process.stderr.read()
        assert process.returncode == -signal.SIGKILL or lines[-1:] == ["closed"], f"the writer failed:\n{errors}"
        self.created = self.created or "open" in lines
        for line in lines:
            if line[0].isdigit():
                self._note(*line.split())

    def _note(self, number: str, operation_id: str) -> None:
        assert int(number) == self.next
        if operation_id != "None" and ledger.operation(self.next, self.state).collection == ledger.NAME:
            assert int(operation_id) > self.last_operation_id, "operation ids go back"
            self.last_operation_id = int(operation_id)
        self.state = ledger.after(self.state, self.next)
        self.next += 1

    def check(self) -> None:
        """Open the folder: it holds the acknowledged state, or that and all of the operation that was under way."""
        client = QdrantClient(path=str(self.path))
        try:
            if not client.collection_exists(ledger.NAME):
                assert not self.created, "the collection is gone"
                return
            if found := ledger.differences(client, self.state):
                following = ledger.after(self.state, self.next)
                also = ledger.differences(client, following)
                text = "\n".join([*found, f"-- and with operation {self.next}:", *also])
                assert not also, f"after operation {self.next - 1}:\n{text}"
                self.state = following
                self.next += 1
            self._check_search(client)
            self._check_versions(client)
        finally:
            client.close()
        files = [path for path in self.path.rglob("*") if path.is_file()]
        assert len(files) < 40, f"files pile up: {files}"

    def _check_search(self, client: QdrantClient) -> None:
        ids = sorted(self.state.payloads)
        for point in self.random.sample(ids, min(8, len(ids))):
            query = ledger.vector(point, self.state.stamps[point]["v"])
            for exact in (True, False):
                params = models.SearchParams(exact=exact, hnsw_ef=256)
                hit = client.query_points(ledger.NAME, query, using="v", limit=1, search_params=params).points[0]
                assert hit.id == point, f"{hit} instead of point {point} (exact: {exact})"
                assert abs(hit.score) < 1e-3
        slot = self.random.randrange(ledger.SLOTS)
        want = {i for i, payload in self.state.payloads.items() if payload["slot"] == slot}
        query = np.zeros(ledger.SIZE, dtype=np.float32)
        hits = client.query_points(
            ledger.NAME, query, using="v", query_filter=ledger.where(slot), limit=ledger.EVERYTHING
        ).points
        assert {hit.id for hit in hits} == want

    def _check_versions(self, client: QdrantClient) -> None:
        hits = client.query_points(ledger.NAME, limit=ledger.EVERYTHING).points
        for hit in hits:
            assert hit.version >= self.versions.get(hit.id, 0), f"{hit} was at version {self.versions[hit.id]} before"
        self.versions = {hit.id: hit.version for hit in hits}


@pytest.mark.parametrize("seed", [1, 2])
def test_acknowledged_writes_survive_kills(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    folder = Folder(tmp_path / "db", random)
    for _ in range(ROUNDS):
        if random.random() < 0.8:
            folder.kill_writing(random.choice([0, 1, 5, 20, 60]))
        else:
            folder.kill_closing(random.choice([1, 5, 20]))
        if random.random() < 0.25:
            folder.kill_opening()  # recovery is cut off too
        folder.check()
    assert folder.next > ROUNDS
