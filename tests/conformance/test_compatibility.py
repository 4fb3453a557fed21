"""Every public name of the official client is called in every mode; ``docs/compatibility.md`` says what came out."""

from __future__ import annotations

from pathlib import Path

import compatibility
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"


def test_every_name_has_its_case() -> None:
    assert sorted(compatibility.CASES) == compatibility.names()


@pytest.mark.parametrize("mode", compatibility.MODES)
def test_nothing_differs_undeclared(mode: str) -> None:
    wrong = {name: verdict for name, verdict in compatibility.cells(mode).items() if verdict.startswith("WRONG")}
    assert not wrong


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == compatibility.page(), "run python tools/gen_compatibility.py"
