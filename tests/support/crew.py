"""Threads that work at the same time until time is up or one of them fails."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

Going = Callable[[], bool]
Worker = Callable[[Going], None]


def work(*workers: Worker, seconds: float = 1.0) -> None:
    """Run the workers, each in a thread; each works while ``going()`` holds. The first error of any is raised."""
    errors: list[BaseException] = []
    deadline = time.monotonic() + seconds
    ready = threading.Barrier(len(workers))

    def going() -> bool:
        return not errors and time.monotonic() < deadline

    def run(worker: Worker) -> None:
        try:
            ready.wait(30)
            worker(going)
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # many more interleavings than by default
    threads = [threading.Thread(target=run, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
