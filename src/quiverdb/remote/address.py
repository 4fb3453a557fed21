"""Where a server is: the arguments of a client become one address, by the rules of the official client."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

import msgspec

from quiverdb.errors import InvalidInputError

__all__ = ["Address", "resolve"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"


class Address(msgspec.Struct, frozen=True):
    """Name a server, its two ports, and what stands before the paths of its REST API.

    >>> resolve("https://db.example.com/vectors").rest_uri
    'https://db.example.com:6333/vectors'
    """

    scheme: str
    host: str
    """An IPv6 address stands in brackets."""
    port: int | None
    prefix: str
    """Empty, or a path that begins with a slash and ends without one."""
    grpc_port: int

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as they stand in URLs and in the ``Host`` header."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The URL without a path."""
        return f"{self.scheme}://{self.authority}"

    @property
    def rest_uri(self) -> str:
        """The URL that the paths of the REST API are appended to."""
        return self.origin + self.prefix

    @property
    def connect_to(self) -> tuple[str, int]:
        """Host and port for a socket."""
        return self.host.strip("[]"), self.port or _DEFAULT_PORTS[self.scheme]

    @property
    def grpc_target(self) -> str:
        """Host and port of the gRPC API."""
        return f"{self.host}:{self.grpc_port}"

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine, as far as its name tells."""
        name = self.host.strip("[]")
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


def resolve(
    url: str | None = None,
    *,
    host: str | None = None,
    port: int | None = 6333,
    grpc_port: int = 6334,
    prefix: str | None = None,
    https: bool | None = None,
    api_key: str | None = None,
) -> Address:
    """Return the address that the arguments of a client mean.

    What stands in ``url`` goes before ``https`` and ``port``. Without a scheme, a key asks for TLS. Raise
    ``InvalidInputError`` for arguments that contradict each other or name no server.
    """
    if url is not None and host is not None:
        raise InvalidInputError("give only one of url and host", field="url")
    prefix = "" if not prefix else f"/{prefix.removeprefix('/')}"
    scheme = "https" if (api_key is not None if https is None else https) else "http"
    if url:
        found_scheme, host, found_port, path = _split(url)
        scheme, port = found_scheme or scheme, found_port or port
        if prefix and path:
            raise InvalidInputError(f"url has the prefix {path!r}, so prefix={prefix!r} is one too many")
        prefix = prefix or path
    else:
        host = _checked_host(host or "localhost")
    port = None if port is None else _port("port", port)
    prefix = quote(prefix.rstrip("/"), _PATH_CHARACTERS)
    return Address(scheme, host, port, prefix, _port("grpc_port", grpc_port))


def _split(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path; the scheme may be missing."""
    try:
        parts = urlsplit(url if "://" in url or url.startswith("//") else f"//{url}")
        host, port = parts.hostname, parts.port
        ascii_host = (host or "").encode("ascii" if not host or host.isascii() else "idna").decode()
    except ValueError as error:
        raise InvalidInputError(f"{_shown(url)} cannot be read: {error}", field="url") from error
    if parts.scheme not in ("", *_DEFAULT_PORTS):
        raise InvalidInputError(f"{_shown(url)} must begin with http:// or https://", field="url")
    if not ascii_host:
        raise InvalidInputError(f"{_shown(url)} names no host", field="url")
    return parts.scheme, _bracketed(ascii_host), port, parts.path


def _shown(url: str) -> str:
    """Return a URL as errors show it: without a password, and whatever else stands before or behind the place."""
    scheme, separator, rest = url.rpartition("://")
    return f"url={scheme + separator + rest.rpartition('@')[2].partition('?')[0]!r}"


def _port(name: str, given: int | str) -> int:
    """Return the number of a port, which often comes from the environment, as a text."""
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= _LAST_PORT:
        raise InvalidInputError(f"{name} must be a number from 1 to {_LAST_PORT}, got {given!r}", field=name)
    return number


def _checked_host(host: str) -> str:
    if host.startswith(("http://", "https://")):
        raise InvalidInputError(f"host={host!r} has a scheme: give it as url", field="host")
    host = _bracketed(host)
    if "/" in host or (":" in host and not host.startswith("[")):
        raise InvalidInputError(f"host={host!r} must be a name or address alone: the port goes to port", field="host")
    return host


def _bracketed(host: str) -> str:
    """Return a host the way it stands in URLs."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host
