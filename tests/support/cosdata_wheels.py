"""The official clients of Cosdata, each in a folder of its own, since all of them are imported as ``cosdata``.

``make`` runs this file, which installs them beside the packages of the environment; tests need no network then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WHEELS = (("cosdata-client", "0.1.5"), ("cosdata-client", "0.2.2"), ("cosdata-sdk", "0.2.5"))
ROOT = Path(sys.prefix) / "oracles"


def folder(name: str, version: str) -> Path:
    """Return the folder that holds a release; ``LookupError`` tells how to get one that is missing."""
    path = ROOT / f"{name}-{version}"
    if not (path / "cosdata" / "__init__.py").exists():
        raise LookupError(f"{name} {version} is not installed: run {sys.executable} {__file__}")
    return path


def environment(name: str, version: str) -> dict[str, str]:
    """Return the variables of a process in which ``import cosdata`` finds a release."""
    places = [str(folder(name, version)), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places)), "PYTHONDONTWRITEBYTECODE": "1"}


def run(name: str, version: str, program: str, *arguments: str, timeout: float = 60, check: bool = True) -> str:
    """Run a program in front of a release, and return what it prints.

    Without ``check``, one that fails is no failure, and its errors are returned besides.
    """
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment(name, version),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check and done.returncode:
        raise AssertionError(f"with {name} {version} the program ended with {done.returncode}:\n{done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


def install() -> None:
    """Install the releases that are missing."""
    for name, version in WHEELS:
        try:
            folder(name, version)
        except LookupError:
            target = ["--no-deps", "--no-compile", "--upgrade", "--target", str(ROOT / f"{name}-{version}")]
            subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", *target, f"{name}=={version}"], check=True
            )


if __name__ == "__main__":
    install()
