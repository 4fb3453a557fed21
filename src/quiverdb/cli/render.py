"""Tables and lines that people read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["cell", "duration", "file_size", "hits_table", "new_console", "options_line", "plain_table"]

_CELL_LIMIT = 200
_PIPE_WIDTH = 120


def new_console() -> Console:
    """Return a console on stdout; wide enough for tables where stdout is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def plain_table(title: str, columns: Sequence[str], *, numbers: Sequence[str] = ()) -> Table:
    """Return an empty table, one line per row; the columns in ``numbers`` are aligned to the right."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        if name in numbers:
            table.add_column(Text(name), justify="right", no_wrap=True)
        else:
            table.add_column(Text(name))  # may shrink, which its cells answer by cutting and not by wrapping
    return table


def hits_table(title: str, points: Sequence[Any], keys: Sequence[str], *, show_ids: bool = False) -> Table:
    """Return a table of scored points with the values of some payload keys."""
    ids = ("id",) if show_ids else ()
    values = {key: [(point.payload or {}).get(key) for point in points] for key in keys}
    numbers = [key for key in keys if all(type(value) in (int, float) for value in values[key])]
    table = plain_table(title, (*ids, "score", *keys), numbers=(*ids, "score", *numbers))
    for i, point in enumerate(points):
        first = [str(point.id)] if show_ids else []
        table.add_row(*first, f"{point.score:.3f}", *(cell(values[key][i]) for key in keys))
    return table


def cell(value: object) -> Text:
    """Return a payload value as one line of a table."""
    text = value if isinstance(value, str) else "" if value is None else _json(value)
    line = " ".join(text.split())
    return Text(line if len(line) <= _CELL_LIMIT else line[:_CELL_LIMIT], no_wrap=True, overflow="ellipsis")


def duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration(0.0123), duration(2.5)
    ('12.3 ms', '2.5 s')
    """
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def file_size(size: float) -> str:
    """Return a number of bytes as people say it.

    >>> file_size(999), file_size(1_500_000)
    ('999 B', '1.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def options_line(values: Mapping[str, object]) -> str:
    """Return the options that are set, as ``a=1 b=x``."""
    return " ".join(
        f"{key}={value if isinstance(value, str) else _json(value)}"
        for key, value in values.items()
        if value is not None
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
