"""The settings of a server, and the rules that they must keep together.

Keys are those of Qdrant's configuration, with some of our own: ``service.http_port`` is the field ``http_port`` of
``Service``. Where values come from is in ``sources.py``; what is here does no input.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from quiverdb.errors import InvalidInputError, UnsupportedError

__all__ = [
    "Cluster",
    "Cosdata",
    "Service",
    "Settings",
    "Storage",
    "Tls",
    "VikingDB",
    "VikingKey",
    "authority",
    "check_settings",
    "is_loopback",
    "key_bytes",
]

Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
MetricsPrefix: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$|^$")]

MEGABYTE = 1024 * 1024


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the sections; what is secret is not shown."""

    secret: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if value and name in self.secret else repr(value)}"
            for name, value in msgspec.structs.asdict(self).items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Service(_Section, frozen=True, kw_only=True):
    """Set where the server listens, whom it lets in, and how much it takes at once.

    >>> Service(api_key="correct horse").api_key
    'correct horse'
    >>> "horse" in repr(Service(api_key="correct horse"))
    False
    """

    secret: ClassVar[frozenset[str]] = frozenset({"api_key", "alt_api_key", "read_only_api_key"})

    host: str = "127.0.0.1"
    http_port: Port = 6333
    """0 takes any free port."""
    grpc_port: Port | Literal["auto"] | None = "auto"
    """``auto`` is 6334 if gRPC is installed, and ``None`` means no gRPC."""
    insecure: bool = False
    """Listen on a public address even though no key is set."""

    api_key: str | None = None
    alt_api_key: str | None = None
    """A second key with the same rights, for changing keys without a gap."""
    read_only_api_key: str | None = None
    jwt_rbac: bool = False
    """Take tokens that are signed with ``api_key`` or ``alt_api_key``."""
    enable_tls: bool = False
    verify_https_client_certificate: bool = False
    enable_cors: bool | None = None
    """Let web pages from elsewhere ask. ``None`` means where a key is set: without one, any page that a user of this
    machine looks at could read and change the data."""

    max_request_size_mb: Positive = 32
    max_grpc_request_size_mb: Positive = 256
    max_depth: Positive = 128
    """How deep the JSON of a request may be nested."""
    max_batch_points: Positive | None = 100_000
    """How many points one request may write, or name."""
    max_batch_requests: Positive | None = 10_000
    """How many queries or operations one request may hold."""

    require_indexes: bool = True
    """Order and count points by payload keys with a suitable index only, as Qdrant does."""
    max_workers: Natural = 0
    """Threads that read, and as many that write; 0 chooses by the number of cores."""
    graceful_shutdown_secs: Seconds = 30.0
    slow_query_secs: Seconds | None = None
    """Log requests that take longer."""
    metrics_prefix: MetricsPrefix = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that are set."""
        return tuple(key for key in (self.api_key, self.alt_api_key, self.read_only_api_key) if key)

    @property
    def lets_pages_ask(self) -> bool:
        """Whether web pages from elsewhere may ask."""
        return bool(self.keys) if self.enable_cors is None else self.enable_cors

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The keys that tokens may be signed with; none unless tokens are taken."""
        return tuple(key for key in (self.api_key, self.alt_api_key) if key) if self.jwt_rbac else ()


class Storage(_Section, frozen=True, kw_only=True):
    """Set where the data is: in a folder, or in another server for which this one is a gateway."""

    secret: ClassVar[frozenset[str]] = frozenset({"backend_api_key"})

    storage_path: str = "./storage"
    """The folder of the database, or ``:memory:``."""
    backend: str | None = None
    """The URL of a Qdrant server that holds the data instead."""
    backend_api_key: str | None = None
    recovery_mode: str | None = None
    """Serve nothing but the deletion of collections, and tell everybody else this."""
    recover_hosts: tuple[str, ...] = ()
    """Hosts that snapshots may be fetched from, each ``host`` or ``host:port``."""
    max_snapshot_size_mb: Positive | None = None


class Tls(_Section, frozen=True, kw_only=True):
    """Name the files of the certificates, in PEM format."""

    cert: str | None = None
    key: str | None = None
    ca_cert: str | None = None
    """Whose certificates of clients are trusted."""
    self_signed: str | None = None
    """A folder for a certificate that is made, and for that of its authority, which clients are to trust."""
    names: tuple[str, ...] = ()
    """Names and addresses that the certificate is for, besides those of this machine."""


class Cosdata(_Section, frozen=True, kw_only=True):
    """Set how Cosdata's protocol is spoken, and who may log in.

    >>> "asdfg" in repr(Cosdata(password="asdfg"))
    False
    """

    secret: ClassVar[frozenset[str]] = frozenset({"password"})

    port: Port | None = None
    """A port for Cosdata's paths alone, besides the one that all protocols share; 0 takes any free one."""
    username: str = "admin"
    password: str | None = None
    """``None`` means ``admin``, or, where the service has keys, that those alone are passwords."""
    token_lifetime_secs: Positive = 3600
    transaction_timeout_secs: Positive = 600
    """How long a transaction stays open that nothing is done in."""
    max_request_size_mb: Positive = 8
    bare_list: bool = False
    """List collections as a bare list, as Cosdata's own server does of late, and not within an object."""


class VikingKey(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let somebody in to VikingDB's protocol, by signatures or by an API key.

    >>> VikingKey(access_key="AKLT", secret_key="secret")
    VikingKey(access_key='AKLT', secret_key=***, session_token=None, api_key=None, collections=None, read_only=False)
    """

    secret: ClassVar[frozenset[str]] = frozenset({"secret_key", "session_token", "api_key"})

    access_key: str | None = None
    secret_key: str | None = None
    """What requests of the access key are signed with."""
    session_token: str | None = None
    """What comes with the signatures of an access key that is lent for a time (STS)."""
    api_key: str | None = None
    collections: tuple[str, ...] | None = None
    """All there is to see: collections, or ``PROJECT.COLLECTION`` of another project than ``default``."""
    read_only: bool = False


class VikingDB(_Section, frozen=True, kw_only=True):
    """Set how VikingDB's protocol is spoken, and who is let in besides those who have the keys of the service.

    >>> VikingDB(keys=(VikingKey(api_key="secret", read_only=True),)).keys[0].read_only
    True
    """

    port: Port | None = None
    """A port for VikingDB's paths alone, besides the one that all protocols share; 0 takes any free one."""
    keys: tuple[VikingKey, ...] = ()
    header_auth: bool = False
    """Let in whoever sends ``X-Top-Account-Id``, which a gateway in front vouches for."""
    clock_skew_secs: Positive = 900
    """How far the date of a signature may be from now."""
    max_request_size_mb: Positive = 32


class Cluster(_Section, frozen=True, kw_only=True):
    """Say whether the server is one of a cluster, which it cannot be yet."""

    enabled: bool = False


class Settings(_Section, frozen=True, kw_only=True):
    """Hold all settings of a server.

    >>> Settings(service=Service(http_port=0)).service.host
    '127.0.0.1'
    """

    service: Service = Service()
    storage: Storage = Storage()
    tls: Tls = Tls()
    cosdata: Cosdata = Cosdata()
    vikingdb: VikingDB = VikingDB()
    cluster: Cluster = Cluster()
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "OFF"] = "INFO"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on ``host``.

    Of names only ``localhost`` counts: what others stand for is decided elsewhere.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "localhost.example")]
    [True, True, True, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def authority(host: str, port: int) -> str:
    """Return a host and port as they stand in a URL.

    >>> authority("::1", 6333)
    '[::1]:6333'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def key_bytes(key: str) -> bytes:
    """Return the bytes of a key; those from the environment need not be well-formed text."""
    return key.encode("utf-8", "surrogateescape")


def check_settings(settings: Settings) -> None:
    """Raise ``InvalidInputError`` for settings that contradict each other or leave the server open."""
    service = settings.service
    if settings.cluster.enabled:
        advice = "Leave cluster.enabled out; to speak for a cluster, name it by storage.backend."
        raise UnsupportedError("Running as a node of a cluster", "this server", advice)
    _check_ports(settings)
    _check_keys(service)
    _check_password(settings)
    _check_viking_keys(settings)
    _check_exposure(service)
    _check_tls(settings)


def _check_ports(settings: Settings) -> None:
    service, taken = settings.service, dict[object, str]()
    for name, port in (
        ("service.http_port", service.http_port),
        ("service.grpc_port", service.grpc_port),
        ("cosdata.port", settings.cosdata.port),
        ("vikingdb.port", settings.vikingdb.port),
    ):
        if port and taken.setdefault(port, name) != name:
            raise _wrong(name, f"is {port}, which {taken[port]} is too")


def _check_keys(service: Service) -> None:
    for name in ("api_key", "alt_api_key", "read_only_api_key"):
        _check_key(f"service.{name}", getattr(service, name))
    if service.read_only_api_key and service.read_only_api_key in (service.api_key, service.alt_api_key):
        raise _wrong("service.read_only_api_key", "is also a key that may write")
    if service.jwt_rbac and not service.signing_keys:
        raise _wrong("service.jwt_rbac", "needs service.api_key, which tokens are signed with")


def _check_password(settings: Settings) -> None:
    if settings.cosdata.password and settings.cosdata.password == settings.service.read_only_api_key:
        raise _wrong("cosdata.password", "is also service.read_only_api_key, which may not write")


def _check_key(name: str, key: str | None) -> None:
    key = key or ""
    if key != key.strip() or any(ord(letter) < 32 or ord(letter) == 127 for letter in key):
        raise _wrong(name, "begins or ends with a space or contains control characters: no header carries it")


def _is_text(word: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in word)


def _check_viking_keys(settings: Settings) -> None:
    service, taken = settings.service, dict[object, str]()
    for name in ("api_key", "alt_api_key", "read_only_api_key"):
        taken[getattr(service, name)] = f"service.{name}"
    for number, key in enumerate(settings.vikingdb.keys):
        place = f"vikingdb.keys[{number}]"
        if not (key.access_key or key.api_key):
            raise _wrong(place, "needs an access_key with its secret_key, or an api_key")
        if bool(key.access_key) != bool(key.secret_key) or (key.session_token and not key.access_key):
            raise _wrong(place, "needs access_key and secret_key together")
        for name in ("access_key", "secret_key", "session_token", "api_key"):
            _check_key(f"{place}.{name}", getattr(key, name))
        if not _is_text(key.secret_key or ""):
            raise _wrong(f"{place}.secret_key", "is no text: nothing can be signed with it")
        for name in ("access_key", "api_key"):
            given = getattr(key, name)
            if given and taken.setdefault(given, place) != place:
                raise _wrong(f"{place}.{name}", f"is one of {taken[given]} too")
    if settings.vikingdb.header_auth and not (service.insecure or is_loopback(service.host)):
        raise _wrong(
            "vikingdb.header_auth",
            f"lets in everybody who reaches {service.host}: set service.insecure if a gateway "
            "in front decides who that is",
        )


def _check_exposure(service: Service) -> None:
    if not service.host:
        raise _wrong("service.host", "is empty: give the address to listen on")
    if "[" in service.host:
        raise _wrong("service.host", f"is {service.host}: write the address without brackets")
    if service.keys or service.insecure or is_loopback(service.host):
        return
    raise _wrong(
        "service.host",
        f"is {service.host}, where everybody could read and change the data: set service.api_key "
        "(QUIVERDB__SERVICE__API_KEY), or service.insecure if that is intended",
    )


def _check_tls(settings: Settings) -> None:
    service, tls = settings.service, settings.tls
    if tls.self_signed is not None:
        if tls.cert or tls.key:
            raise _wrong("tls.self_signed", "makes a certificate: leave tls.cert and tls.key out")
    elif service.enable_tls:
        _require(tls, ("cert", "key"), "service.enable_tls")
    if service.verify_https_client_certificate:
        if not (service.enable_tls or tls.self_signed):
            raise _wrong("service.verify_https_client_certificate", "needs service.enable_tls")
        _require(tls, ("ca_cert",), "service.verify_https_client_certificate")


def _require(tls: Tls, names: Sequence[str], because_of: str) -> None:
    for name in names:
        if not getattr(tls, name):
            raise _wrong(f"tls.{name}", f"must name a file, because {because_of} is set")


def _wrong(key: str, what: str) -> InvalidInputError:
    return InvalidInputError(f"{key} {what}", field=key)
