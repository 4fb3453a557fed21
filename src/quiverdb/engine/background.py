"""Tasks that nobody waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from quiverdb.errors import ClosedError

__all__ = ["Background"]

_log = logging.getLogger("quiverdb")


class Background:
    """Run tasks, each in a thread of its own; failures are logged."""

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._finished = False

    def start(self, what: str, task: Callable[[], object]) -> None:
        """Start a task; ``what`` describes it in the log. Raises ``ClosedError`` after ``finish``."""
        thread = threading.Thread(target=self._run, args=(what, task), name="quiverdb-task", daemon=True)
        with self._lock:
            if self._finished:
                raise ClosedError("the database is being closed: open it again")
            self._threads.add(thread)
            thread.start()

    def _run(self, what: str, task: Callable[[], object]) -> None:
        try:
            task()
        except Exception:  # nobody else would hear of it
            _log.exception("%s failed", what)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def finish(self) -> None:
        """Wait for the tasks under way, and take no more."""
        with self._lock:
            self._finished = True
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join()
