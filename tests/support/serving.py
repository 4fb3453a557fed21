"""A server in a process of its own, as users run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int
    grpc_port: int | None
    log: Path
    cosdata_port: int | None = None
    vikingdb_port: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Ask the server to end and return its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)


@contextmanager
def served(folder: Path, *flags: str, data: str | Path = ":memory:") -> Iterator[Served]:
    """Run ``quiverdb serve`` on free ports; ``folder`` is for what the server says of itself."""
    ports = folder / "ports.json"
    ports.unlink(missing_ok=True)
    command = [sys.executable, "-m", "quiverdb", "serve", "--data", str(data), "--port", "0", "--grpc-port", "0"]
    log = folder / "stderr.txt"
    with log.open("w") as stderr:  # a pipe that nobody reads would hold up the server once it is full
        process = subprocess.Popen([*command, "--ports-file", str(ports), *flags], stderr=stderr, text=True)
    try:
        found = _wait(ports, process, log)
        yield Served(process, found["http"], found["grpc"], log, found["cosdata"], found["vikingdb"])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _wait(ports: Path, process: subprocess.Popen[str], log: Path) -> dict[str, int]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if ports.exists():
            return json.loads(ports.read_text())
        if process.poll() is not None:
            message = f"the server ended with {process.returncode}: {log.read_text()}"
            raise RuntimeError(message)
        time.sleep(0.02)
    raise TimeoutError(process.args)
