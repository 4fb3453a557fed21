"""Runs the programs in Go, which work through official clients, in front of ``quiverdb serve``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

from serving import served  # noqa: E402

SECRETS = ("AK", "SK==")
KEYS = json.dumps([dict(zip(("access_key", "secret_key"), SECRETS, strict=True))])


def run(program: Path, *arguments: str, **variables: str) -> int:
    """Run a program and return its exit code."""
    return subprocess.run(
        ["go", "run", ".", *arguments], cwd=program, env=os.environ | variables, check=False
    ).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        tls = Path(folder) / "tls"
        with served(Path(folder)) as server:
            failed = run(HERE, "127.0.0.1", str(server.grpc_port))
        with served(Path(folder), "--set", f"vikingdb.keys={KEYS}") as server:
            failed |= run(HERE / "vikingdb", "http", f"127.0.0.1:{server.port}", *SECRETS)
        with served(Path(folder), "--tls-self-signed", str(tls), "--set", f"vikingdb.keys={KEYS}") as server:
            trusted = {"SSL_CERT_FILE": str(tls / "ca.pem")}
            failed |= run(HERE / "vikingdb", "https", f"localhost:{server.port}", *SECRETS, **trusted)
    return failed


if __name__ == "__main__":
    sys.exit(main())
