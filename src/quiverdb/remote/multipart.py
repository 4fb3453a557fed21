"""A file as the body of a form, read bit by bit."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

__all__ = ["CHUNK", "FileForm"]

CHUNK = 1 << 18
"""How many bytes are read or written at a time."""


class FileForm:
    """Send one file as a form (``multipart/form-data``); may be sent again, from where the file stood at first.

    >>> import io
    >>> form = FileForm("snapshot", "a.snapshot", io.BytesIO(b"..."))
    >>> sum(map(len, form.chunks())) == form.length
    True
    """

    def __init__(self, field: str, filename: str, source: BinaryIO) -> None:
        boundary = secrets.token_hex(16)
        quoted = filename.translate({ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"})
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._source = source
        self._start = source.tell()
        self.length = len(self._head) + source.seek(0, os.SEEK_END) - self._start + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        """Return the body in pieces."""
        self._source.seek(self._start)
        yield self._head
        while piece := self._source.read(CHUNK):
            yield piece
        yield self._tail

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """Return the body in pieces that are read while the event loop does other things."""
        import anyio.to_thread

        pieces = self.chunks()
        while piece := await anyio.to_thread.run_sync(next, pieces, b""):
            yield piece
