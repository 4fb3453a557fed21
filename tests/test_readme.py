"""The programs in the README run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
SECTIONS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
PROGRAMS = {title: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for title, text in SECTIONS}


def test_every_api_is_shown() -> None:
    assert {title for title, blocks in PROGRAMS.items() if blocks} == {
        "Quick start", "The Cosdata API", "The VikingDB API"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("title", "told"), [("Quick start", "London"), ("The Cosdata API", ""), ("The VikingDB API", "Emma")]
)
def test_the_programs_of_a_section_run_one_after_the_other(tmp_path: Path, title: str, told: str) -> None:
    program = "\n".join(PROGRAMS[title])
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
