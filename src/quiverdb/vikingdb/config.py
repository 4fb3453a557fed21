"""How a client reaches a server, and how often it tries."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quiverdb.errors import InvalidInputError
from quiverdb.remote.headers import USER_AGENT

if TYPE_CHECKING:
    from quiverdb.remote.tls import Verify

__all__ = ["ClientConfig", "RetryConfig"]

DEFAULT_REGION = "cn-beijing"
DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True)
class RetryConfig:
    """Say how often a request is made, and how long to wait in between: longer each time, and a bit at random.

    >>> RetryConfig(jitter=0.0).delay(1), RetryConfig(jitter=0.0).delay(9)
    (0.5, 8.0)
    """

    max_attempts: int = 3
    initial_interval: float = 0.5
    """Seconds before the second attempt."""
    max_interval: float = 8.0
    multiplier: float = 2.0
    jitter: float = 0.25
    """The share by which a pause may be shorter or longer."""

    def __post_init__(self) -> None:
        _check("max_attempts", self.max_attempts, isinstance(self.max_attempts, int) and self.max_attempts >= 1)
        _check("initial_interval", self.initial_interval, _number(self.initial_interval) and self.initial_interval >= 0)
        most = self.max_interval
        _check("max_interval", most, _number(most) and most >= self.initial_interval)
        _check("multiplier", self.multiplier, _number(self.multiplier) and self.multiplier >= 1)
        _check("jitter", self.jitter, _number(self.jitter) and 0 <= self.jitter < 1)

    def delay(self, attempt: int) -> float:
        """Return for how many seconds to wait after an attempt; the first is number 1."""
        pause = min(self.initial_interval * self.multiplier ** min(attempt - 1, 64), self.max_interval)
        spread = random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 (no secret)
        return min(pause * spread, self.max_interval)


@dataclass
class ClientConfig:
    """Say which server to talk to, and how.

    >>> ClientConfig("https://api-vikingdb.vikingdb.cn-beijing.volces.com").timeout
    30.0
    """

    endpoint: str
    region: str = DEFAULT_REGION
    timeout: float = DEFAULT_TIMEOUT
    """Seconds to wait for a connection, and for an answer."""
    retry: RetryConfig = field(default_factory=RetryConfig)
    user_agent: str | None = USER_AGENT
    verify_ssl: Verify = True
    """Whether to check the server's certificate, or which authorities to trust: a file, a folder, a context. By
    default those that ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` name, or the usual ones."""
    control_endpoint: str | None = None
    """Where collections and indexes are managed the way the cloud does it: ``https://vikingdb.REGION.volcengineapi.com``
    for the cloud's hosts, by default; other servers manage them at ``endpoint``."""
    session_token: str = ""
    pool_connections: int = 10
    """How many idle connections are kept."""
    pool_maxsize: int = 10

    def __post_init__(self) -> None:
        _check("endpoint", self.endpoint, isinstance(self.endpoint, str) and bool(self.endpoint))
        _check("region", self.region, isinstance(self.region, str) and bool(self.region))
        _check("timeout", self.timeout, _number(self.timeout) and self.timeout > 0)
        for name in ("pool_connections", "pool_maxsize"):
            size = getattr(self, name)
            _check(name, size, isinstance(size, int) and size > 0)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check(name: str, value: Any, fine: bool) -> None:
    if not fine:
        raise InvalidInputError(f"{name} can't be {value!r}", field=name)
