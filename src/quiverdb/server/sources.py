"""Where settings come from: flags, the environment, a file.

The first that names a key decides::

    flags  >  QUIVERDB__SECTION__KEY  >  QDRANT__SECTION__KEY  >  file  >  defaults

A key that nobody knows is an error, except in the environment of Qdrant. Keys that mean something to Qdrant and
nothing here are told of once, in the log.
"""

from __future__ import annotations

import difflib
import functools
import logging
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.server.settings import Settings, VikingKey, check_settings

__all__ = ["FLAGS", "IGNORED", "load_settings"]

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "data": "storage.storage_path",
        "backend": "storage.backend",
        "host": "service.host",
        "port": "service.http_port",
        "grpc_port": "service.grpc_port",
        "cosdata_port": "cosdata.port",
        "vikingdb_port": "vikingdb.port",
        "api_key": "service.api_key",
        "read_only_api_key": "service.read_only_api_key",
        "insecure": "service.insecure",
        "tls_cert": "tls.cert",
        "tls_key": "tls.key",
        "tls_self_signed": "tls.self_signed",
        "recover_host": "storage.recover_hosts",
        "workers": "service.max_workers",
    }
)
"""Short names of flags; any other key can be given by its full name."""

IGNORED = (
    "audit",
    "cluster.connection_timeout_ms",
    "cluster.consensus",
    "cluster.grpc_timeout_ms",
    "cluster.p2p",
    "cluster.peer_id",
    "cluster.resharding_enabled",
    "debugger",
    "feature_flags",
    "gpu",
    "inference",
    "logger",
    "per_collection_metrics_enabled",
    "service.enable_static_content",
    "service.hardware_reporting",
    "service.hide_jwt_dashboard",
    "service.metrics_port",
    "service.static_content_dir",
    "service.ui_auth_enabled",
    "storage.async_scorer",
    "storage.collection",
    "storage.handle_collection_load_errors",
    "storage.hnsw_index",
    "storage.low_memory_mode",
    "storage.max_collections",
    "storage.node_type",
    "storage.on_disk_payload",
    "storage.optimizers",
    "storage.optimizers_overwrite",
    "storage.performance",
    "storage.recovery",
    "storage.shard_transfer_method",
    "storage.snapshots_config",
    "storage.snapshots_path",
    "storage.temp_path",
    "storage.update_concurrency",
    "storage.update_queue_size",
    "storage.wal",
    "telemetry_disabled",
    "tls.cert_ttl",
)
"""Keys, and whole sections, that mean something to Qdrant only."""

_OURS = "QUIVERDB__"
_QDRANT = "QDRANT__"
_log = logging.getLogger("quiverdb.server")


class _Given(NamedTuple):
    """A value, who gave it, and whether it is text that stands for something else."""

    key: str
    value: Any
    source: str
    text: bool = False


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Put the settings of a server together and check them.

    Flags go by their short names (``FLAGS``) or full keys; those that are ``None`` were not given. The environment is
    that of the process unless given. Raises ``InvalidInputError`` for an unknown key, a wrong value, or settings that
    contradict each other; ``field`` is the key.

    >>> load_settings({"port": 0}, environment={"QDRANT__SERVICE__HOST": "::1"}).service.host
    '::1'
    """
    variables = os.environ if environment is None else environment
    given: dict[str, _Given] = {}
    ignored: list[_Given] = []
    for one in (
        *(() if file is None else _from_file(Path(file))),
        *_from_environment(variables, _QDRANT),
        *_from_environment(variables, _OURS),
        *_from_flags(flags or {}),
    ):
        if one.key in _known():
            given[one.key] = one
        elif _is_ignored(one):
            ignored.append(one)
        else:
            raise _unknown(one)
    if ignored:
        _log.warning("without effect here: %s", ", ".join(f"{one.key} ({one.source})" for one in ignored))
    settings = _build(given)
    check_settings(settings)
    return settings


def _from_flags(flags: Mapping[str, Any]) -> Iterator[_Given]:
    for name, value in flags.items():
        if value is not None:
            text = isinstance(value, str)
            yield _Given(FLAGS.get(name, name), value, f"the flag {name}", text)


def _from_environment(variables: Mapping[str, str], prefix: str) -> Iterator[_Given]:
    for name, value in variables.items():
        if name.upper().startswith(prefix):
            yield _Given(name[len(prefix) :].lower().replace("__", "."), value, name, text=True)


def _from_file(path: Path) -> Iterator[_Given]:
    content = _read_file(path)
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path} must hold sections of settings", field="file")
    return _flat(content, "", str(path))


def _read_file(path: Path) -> Any:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the settings in {path} cannot be read: {error}", field="file") from error
    try:
        match path.suffix.lower():
            case ".toml":
                return tomllib.loads(text)
            case ".yaml" | ".yml" | ".json":
                return _read_yaml(text)
    except ValueError as error:
        raise InvalidInputError(f"{path} is not well-formed: {error}", field="file") from error
    raise InvalidInputError(f"the name of {path} must end in .toml, .yaml, .yml or .json", field="file")


def _read_yaml(text: str) -> Any:
    import yaml  # only where a file is given

    try:
        return yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(error) from error


def _flat(content: Mapping[Any, Any], section: str, source: str) -> Iterator[_Given]:
    for name, value in content.items():
        key = f"{section}{name}"
        if isinstance(value, dict) and (key in _sections() or not _is_ignored(_Given(key, value, source))):
            yield from _flat(value, f"{key}.", source)
        elif not (value is None and key in _sections()):
            yield _Given(key, value, source)


@functools.cache
def _sections() -> Mapping[str, type[msgspec.Struct]]:
    return {
        field.name: field.type
        for field in msgspec.structs.fields(Settings)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
    }


@functools.cache
def _known() -> Mapping[str, Any]:
    """Map every key to its type."""
    sections = _sections()
    plain = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name not in sections}
    return plain | {
        f"{name}.{field.name}": field.type for name, kind in sections.items() for field in msgspec.structs.fields(kind)
    }


def _is_ignored(one: _Given) -> bool:
    if one.source.upper().startswith(_QDRANT):
        return True  # Qdrant passes over variables that it does not know, too
    return any(one.key == key or one.key.startswith(f"{key}.") for key in IGNORED)


def _unknown(one: _Given) -> InvalidInputError:
    near = difflib.get_close_matches(one.key, [*_known(), *FLAGS], n=1)
    advice = f"; did you mean {near[0]}?" if near else ""
    return InvalidInputError(f"{one.source} sets {one.key}, which is not a setting{advice}", field=one.key)


def _build(given: Mapping[str, _Given]) -> Settings:
    parts: dict[str, dict[str, Any]] = {}
    for key, one in given.items():
        section, _, name = key.rpartition(".")
        parts.setdefault(section, {})[name] = _converted(one)
    values = parts.pop("", {})
    values.update((name, _sections()[name](**part)) for name, part in parts.items())
    return Settings(**values)


def _converted(one: _Given) -> Any:
    expected = _known()[one.key]
    value = one.value
    if one.text:
        value = _of_text(value, expected)
    if one.key == "log_level" and isinstance(value, str):
        value = value.upper()
    try:
        return msgspec.convert(value, expected, strict=not one.text)
    except msgspec.ValidationError as error:
        reason = str(error)
        raise InvalidInputError(
            f"{one.key} has a wrong value in {one.source}: {reason[:1].lower()}{reason[1:]}", field=one.key
        ) from error


def _of_text(value: str, expected: Any) -> Any:
    """Read a list from commas or JSON, and from an empty text or ``none`` that there is to be no value."""
    if expected == tuple[str, ...]:
        return _words(value.split(","))
    if expected == tuple[VikingKey, ...]:
        return _of_json(value)
    if value.lower() in ("", "null", "none") and str not in _alternatives(expected):
        return "null"
    return value


def _of_json(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value  # which is then said to be none of what is expected


def _words(parts: Iterable[str]) -> list[str]:
    return [part.strip() for part in parts if part.strip()]


def _alternatives(expected: Any) -> tuple[Any, ...]:
    return getattr(expected, "__args__", (expected,))
