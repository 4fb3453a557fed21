"""Runs ``main.go``, which works through the official Go client, in front of ``quiverdb serve``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

from serving import served  # noqa: E402


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        done = subprocess.run(["go", "run", ".", "127.0.0.1", str(server.grpc_port)], cwd=HERE, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
