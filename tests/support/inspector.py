"""A process that opens folders and says what it finds, so that a crash on damaged bytes does not end the tests.

usage: inspector.py FACTS, the pickled facts of an undamaged folder. For each folder named on a line of stdin, one line
of JSON goes to stdout: ``["same"]``, ``["different", WHAT]`` or ``["error", CLASS, IS_OURS, MESSAGE]``.
"""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import facts as contents
from quiverdb.errors import QuiverError


def judge(path: str, want: dict[str, Any]) -> list[Any]:
    try:
        got = contents.of_folder(Path(path))
    except Exception as error:
        return ["error", type(error).__name__, isinstance(error, QuiverError), str(error)]
    found = contents.difference(got, want)
    return ["different", found] if found else ["same"]


class Inspector:
    """The other end: asks the process, and starts a new one when it dies."""

    def __init__(self, expected: Path) -> None:
        self.expected = expected
        self.process: subprocess.Popen[str] | None = None

    def ask(self, path: Path) -> list[Any]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(self.expected)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        if line := self.process.stdout.readline():
            return list(json.loads(line))
        code = self.process.wait()
        self.close()
        return ["died", code]

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.close()
            self.process.wait(10)
            self.process.stdout.close()
            self.process = None


if __name__ == "__main__":
    logging.disable()
    expected = pickle.loads(Path(sys.argv[1]).read_bytes())
    for line in sys.stdin:
        print(json.dumps(judge(line.strip(), expected)), flush=True)  # noqa: T201
