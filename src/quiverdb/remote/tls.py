"""How the certificates of servers are checked, and which one the client shows."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeAlias

__all__ = ["Cert", "Verify", "tls_context"]

Verify: TypeAlias = bool | str | ssl.SSLContext
Cert: TypeAlias = str | tuple[str, str] | tuple[str, str, str] | None


def tls_context(verify: Verify = True, cert: Cert = None) -> ssl.SSLContext:
    """Return the terms of encrypted connections.

    ``verify`` is whether to check the server's certificate, or a file or folder of authorities to trust instead of
    the system's, or a ready context. ``cert`` is the client's own: a file, or certificate and key, or these and the
    key's password.
    """
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, str):
        folder = Path(verify).is_dir()
        context = ssl.create_default_context(cafile=None if folder else verify, capath=verify if folder else None)
    elif verify:
        import httpcore2

        context = httpcore2.default_ssl_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
