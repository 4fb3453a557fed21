"""Write ``docs/compatibility.md`` from a run of the calls in ``tests/support/compatibility.py``.

python tools/gen_compatibility.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import compatibility  # noqa: E402


def main() -> None:
    for mode in compatibility.MODES:
        for name, verdict in compatibility.cells(mode).items():
            if verdict.startswith("WRONG"):
                print(f"{name}: {verdict}")
    (ROOT / "docs" / "compatibility.md").write_text(compatibility.page(), "utf-8")


if __name__ == "__main__":
    main()
