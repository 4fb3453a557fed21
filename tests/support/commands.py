"""Run commands as a shell would."""

from __future__ import annotations

from typer.testing import CliRunner

from quiverdb.cli.app import app


def run(*arguments: object, code: int = 0) -> str:
    """Run a command and return what it printed: on stdout if it succeeds, on stderr if it should fail."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    if code:
        assert "Traceback" not in result.stderr
        return result.stderr
    assert result.stderr == ""
    return result.stdout
