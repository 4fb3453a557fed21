"""``quiverdb run`` does what ``python`` does, except for what ``import qdrant_client`` finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

QUIVERDB = [sys.executable, "-c", "from quiverdb.cli import main; main()", "run"]
SCRIPT = """
import sys
import beside
from qdrant_client import QdrantClient
print(QdrantClient.__module__, __name__, sys.argv[1:], beside.NAME, sys.modules["__main__"].__name__)

def wrong():
    raise ValueError("boom")

match sys.argv[1:]:
    case ["fail"]:
        wrong()
    case ["stop"]:
        sys.exit(7)
    case ["interrupt"]:
        raise KeyboardInterrupt
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    (tmp_path / "package" / "__main__.py").write_text("from package import beside\n" + SCRIPT)
    (tmp_path / "package" / "beside.py").write_text("NAME = 'inside'")
    return tmp_path


def run(folder: Path, *arguments: str, command: list[str] = QUIVERDB) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_scripts_and_modules_run(folder: Path) -> None:
    options = ["--help", "-m", "x"]
    script = run(folder, "script.py", *options)
    assert (script.returncode, script.stderr) == (0, "")
    assert script.stdout == f"quiverdb.qdrant._client __main__ {options} beside __main__\n"
    module = run(folder, "-m", "package", *options)
    assert (module.returncode, module.stderr) == (0, "")
    assert module.stdout == f"quiverdb.qdrant._client __main__ {options} beside __main__\n"


@pytest.mark.parametrize(("argument", "code"), [("fail", 1), ("stop", 7), ("interrupt", None)])
def test_ends_are_those_of_python(folder: Path, argument: str, code: int | None) -> None:
    ours = run(folder, "script.py", argument)
    theirs = run(folder, "script.py", argument, command=[sys.executable])
    assert ours.stderr == theirs.stderr, "the traceback begins with the program's own frames"
    assert ours.returncode == (130 if code is None else code)
    assert code is None or theirs.returncode == code


@pytest.mark.parametrize(("arguments", "message"), [(["nothing.py"], "nothing.py"), (["-m", "nothing"], "nothing")])
def test_missing_programs_are_named_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
