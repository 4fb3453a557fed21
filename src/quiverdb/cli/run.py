"""Run a program as Python would, with the drop-ins installed: its imports of other databases find QuiverDB."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from quiverdb import dropin

__all__ = ["run_program"]

_INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended: 128 and the number of the signal."""


def run_program(target: str, arguments: Sequence[str], *, as_module: bool) -> int:
    """Run a script, or a module by its name, and return the exit code; ``SystemExit`` passes through.

    An error that ends the program is shown by ``sys.excepthook``, from the program's first line on.
    """
    dropin.install(*dropin.PACKAGES)
    sys.argv = [target, *arguments]
    sys.path.insert(0, str(Path.cwd() if as_module else Path(target).resolve().parent))
    try:
        if as_module:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(Path(target).absolute()), run_name="__main__")
    except KeyboardInterrupt as error:
        _show(error)
        return _INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        return 1
    return 0


def _show(error: BaseException) -> None:
    own = error.__traceback__
    while own is not None and own.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        own = own.tb_next
    sys.excepthook(type(error), error.with_traceback(own), own)
