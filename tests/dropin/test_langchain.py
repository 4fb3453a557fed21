"""LangChain's vector store for Qdrant does the same on QuiverDB as on the official client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "support" / "langchain_program.py"
QUIVERDB = "from quiverdb.cli import main; main()"


def facts(text: str) -> dict[str, Any]:
    return dict(json.loads(line) for line in text.splitlines())


def test_langchain_gets_the_same_answers(tmp_path: Path) -> None:
    """Whole programs, so that no module of either package stays behind in this process."""
    commands = (
        [sys.executable, "-c", QUIVERDB, "run", str(PROGRAM), str(tmp_path / "ours")],
        [sys.executable, "-W", "ignore", str(PROGRAM), str(tmp_path / "theirs")],
    )
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    (ours, errors), (theirs, _) = [process.communicate() for process in running]
    assert errors == ""
    got, want = facts(ours), facts(theirs)
    assert len(want) == 18
    assert got == want
    assert (tmp_path / "ours" / "manifest.json").exists(), "it was QuiverDB that stored the points"
