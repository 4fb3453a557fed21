"""Write ``docs/compatibility.md`` from a run of the calls in ``tests/support/compatibility.py``.

python tools/gen_compatibility.py    fails on a difference that the calls do not declare
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import compatibility  # noqa: E402


def main() -> None:
    verdicts = [verdict for mode in compatibility.MODES for verdict in compatibility.cells(mode).values()]
    if wrong := [verdict for verdict in verdicts if verdict.startswith("WRONG")]:
        raise SystemExit("\n".join(["Differences that nobody declared; the page is left as it is.", *wrong]))
    (ROOT / "docs" / "compatibility.md").write_text(compatibility.page(), "utf-8")


if __name__ == "__main__":
    main()
