"""The command line: ``quiverdb demo``, ``info``, ``query``, ``snapshot``, ``serve`` and ``run``."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments of the process name."""
    from quiverdb.cli.app import app  # loads typer and rich, which importing this package must not

    app(prog_name="quiverdb")
