"""Settings: which source decides, what is wrong, and what would leave a server open."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from quiverdb import server
from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.server.auth import Authenticator
from quiverdb.server.settings import Service, Settings, Storage, is_loopback
from quiverdb.server.sources import FLAGS, IGNORED, _known, load_settings

FORMS = {
    "toml": '[service]\nhttp_port = {}\n[storage]\nrecover_hosts = ["a", "b:1"]\n',
    "yaml": "service:\n  http_port: {}\nstorage:\n  recover_hosts: [a, 'b:1']\n",
    "yml": "service: {{http_port: {}}}\nstorage: {{recover_hosts: [a, 'b:1']}}\n",
    "json": '{{"service": {{"http_port": {}}}, "storage": {{"recover_hosts": ["a", "b:1"]}}}}',
}


def load(flags: dict[str, Any] | None = None, **other: Any) -> Settings:
    return load_settings(flags, **{"environment": {}, **other})


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_defaults_are_safe() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.service.host == "127.0.0.1"
    assert (settings.service.http_port, settings.service.grpc_port) == (6333, "auto")
    assert settings.service.max_request_size_mb == 32
    assert settings.storage.recover_hosts == ()
    assert not settings.service.insecure


@pytest.mark.parametrize("form", FORMS)
def test_files_of_every_form_are_read(form: str, tmp_path: Path) -> None:
    settings = load(file=written(tmp_path, f"settings.{form}", FORMS[form].format(1234)))
    assert settings.service.http_port == 1234
    assert settings.storage.recover_hosts == ("a", "b:1")


def test_the_nearest_source_decides(tmp_path: Path) -> None:
    file = written(tmp_path, "settings.toml", "[service]\nhttp_port = 1\n")
    qdrant = {"QDRANT__SERVICE__HTTP_PORT": "2"}
    ours = {"QUIVERDB__SERVICE__HTTP_PORT": "3"}
    assert load().service.http_port == 6333
    assert load(file=file).service.http_port == 1
    assert load(file=file, environment=qdrant).service.http_port == 2
    assert load(file=file, environment=ours | qdrant).service.http_port == 3
    assert load({"port": 4}, file=file, environment=qdrant | ours).service.http_port == 4
    assert load({"service.http_port": 5}, file=file, environment=qdrant | ours).service.http_port == 5
    assert load({"port": None}, environment=ours).service.http_port == 3


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIVERDB__SERVICE__HTTP_PORT", "7")
    assert load_settings().service.http_port == 7


def test_texts_of_the_environment_become_values() -> None:
    settings = load(
        environment={
            "QDRANT__SERVICE__GRPC_PORT": "null",
            "QDRANT__SERVICE__ENABLE_CORS": "false",
            "QDRANT__SERVICE__SLOW_QUERY_SECS": "1.5",
            "QDRANT__SERVICE__API_KEY": "1234",
            "QDRANT__LOG_LEVEL": "info",
            "QUIVERDB__STORAGE__RECOVER_HOSTS": "a.example, b.example:8080,",
            "QUIVERDB__SERVICE__MAX_BATCH_POINTS": "none",
            "QUIVERDB_SERVICE_HOST": "not ours",
        }
    )
    service = settings.service
    assert (service.grpc_port, service.enable_cors, service.slow_query_secs) == (None, False, 1.5)
    assert (service.api_key, settings.log_level, service.max_batch_points) == ("1234", "INFO", None)
    assert settings.storage.recover_hosts == ("a.example", "b.example:8080")


def test_flags_name_settings_that_exist() -> None:
    assert set(FLAGS.values()) <= _known().keys()
    assert load({"data": "x", "recover_host": ["h"]}).storage == Storage(storage_path="x", recover_hosts=("h",))


def test_no_setting_is_ignored() -> None:
    for key in _known():
        assert not any(key == ignored or key.startswith(f"{ignored}.") for ignored in IGNORED)


@pytest.mark.parametrize(
    ("flags", "environment", "key", "near"),
    [
        ({"service.http_prot": 1}, {}, "service.http_prot", "service.http_port"),
        ({"hots": "x"}, {}, "hots", "host"),
        ({}, {"QUIVERDB__SERVICE__APIKEY": "x"}, "service.apikey", "service.api_key"),
        ({}, {"QUIVERDB__STORAGE__PATH": "x"}, "storage.path", "storage"),
    ],
)
def test_unknown_keys_are_errors(flags: dict[str, Any], environment: dict[str, str], key: str, near: str) -> None:
    with pytest.raises(InvalidInputError, match=f"did you mean {near}") as caught:
        load(flags, environment=environment)
    assert caught.value.field == key


def test_unknown_keys_of_a_file_are_errors(tmp_path: Path) -> None:
    file = written(tmp_path, "s.yaml", "service:\n  htpp_port: 1\n")
    with pytest.raises(InvalidInputError, match=r"s\.yaml sets service\.htpp_port.*did you mean service\.http_port"):
        load(file=file)


QDRANT_FILE = """
log_level: INFO
storage:
  storage_path: ./somewhere
  snapshots_path: ./snapshots
  snapshots_config: {snapshots_storage: local}
  temp_path: null
  wal: {wal_capacity_mb: 32}
  performance: {max_search_threads: 0, optimizer_cpu_budget: 0}
  optimizers: {default_segment_number: 0, indexing_threshold_kb: 10000}
  hnsw_index: {m: 16}
  collection: {replication_factor: 1, vectors: {on_disk: null}}
service:
  max_workers: 0
  host: 0.0.0.0
  api_key: something secret
  hardware_reporting: true
cluster:
  enabled: false
  p2p: {port: 6335}
telemetry_disabled: false
tls: {cert: ./tls/cert.pem, key: ./tls/key.pem, cert_ttl: 3600}
"""


def test_a_file_made_for_qdrant_is_taken_and_what_means_nothing_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, "config.yaml", QDRANT_FILE)
    with caplog.at_level(logging.WARNING, "quiverdb.server"):
        settings = load(file=file, environment={"QDRANT__STORAGE__PERFORMANCE__X": "1", "QDRANT__NO__SUCH": "2"})
    assert settings.storage.storage_path == "./somewhere"
    assert settings.service.host == "0.0.0.0"
    [record] = caplog.records
    told = record.getMessage()
    for key in ("storage.performance ", "storage.snapshots_path", "tls.cert_ttl", "telemetry_disabled", "no.such"):
        assert key in told
    assert "storage.storage_path" not in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("flags", "environment", "key", "source"),
    [
        ({"port": "many"}, {}, "service.http_port", "the flag port"),
        ({"port": 65536}, {}, "service.http_port", "the flag port"),
        ({"port": True}, {}, "service.http_port", "the flag port"),
        ({"api_key": 7}, {}, "service.api_key", "the flag api_key"),
        ({}, {"QDRANT__SERVICE__ENABLE_TLS": "perhaps"}, "service.enable_tls", "QDRANT__SERVICE__ENABLE_TLS"),
        ({}, {"QUIVERDB__SERVICE__MAX_DEPTH": "0"}, "service.max_depth", "QUIVERDB__SERVICE__MAX_DEPTH"),
        ({}, {"QUIVERDB__LOG_LEVEL": "LOUD"}, "log_level", "QUIVERDB__LOG_LEVEL"),
        ({}, {"QUIVERDB__SERVICE__METRICS_PREFIX": "a-b"}, "service.metrics_prefix", "METRICS_PREFIX"),
    ],
)
def test_wrong_values_name_key_and_source(
    flags: dict[str, Any], environment: dict[str, str], key: str, source: str
) -> None:
    with pytest.raises(InvalidInputError, match=source) as caught:
        load(flags, environment=environment)
    assert caught.value.field == key
    assert key in str(caught.value)


def test_errors_do_not_tell_secrets(tmp_path: Path) -> None:
    file = written(tmp_path, "s.yaml", "service:\n  api_key: [hunter2]\n")
    with pytest.raises(InvalidInputError) as caught:
        load(file=file)
    assert "hunter2" not in str(caught.value)
    settings = load({"api_key": "hunter2", "storage.backend_api_key": "hunter3"})
    assert "hunter" not in repr(settings)
    assert "6333" in repr(settings)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("absent.toml", None),
        ("s.ini", "[service]"),
        ("s.toml", "[service"),
        ("s.yaml", "a: [b"),
        ("s.yaml", "- a\n- b\n"),
        ("s.yaml", "!!python/object/apply:os.system ['true']"),
        ("s.yaml", "[" * 100_000),
    ],
)
def test_broken_files_are_errors(name: str, text: str | None, tmp_path: Path) -> None:
    path = tmp_path / name if text is None else written(tmp_path, name, text)
    with pytest.raises(InvalidInputError) as caught:
        load(file=path)
    assert caught.value.field == "file"


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert load(file=written(tmp_path, "s.yaml", "")) == Settings()


LOOPBACK = ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"]
PUBLIC = [
    "0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "localhost.evil", "127.0.0.1.evil.example", "127.1",
    "0x7f000001", "2130706433", "localhost.", "example.org", "::ffff:10.0.0.1", "fe80::1", "notlocalhost", "127.0.0.1 ",
    "127.0.0.01",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    assert load({"host": host}).service.host == host


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_without_a_key_is_refused(host: str) -> None:
    assert not is_loopback(host)
    for empty in (None, ""):
        with pytest.raises(InvalidInputError, match=r"set service\.api_key") as caught:
            load({"host": host, "api_key": empty})
        assert caught.value.field == "service.host"
    assert load({"host": host, "insecure": True}).service.host == host
    assert load({"host": host, "read_only_api_key": "k"}).service.host == host


def test_an_empty_host_is_refused_even_when_forced() -> None:
    with pytest.raises(InvalidInputError):
        load({"host": "", "insecure": True})


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"service.enable_tls": True}, "tls.cert"),
        ({"service.enable_tls": True, "tls_cert": "a"}, "tls.key"),
        ({"service.verify_https_client_certificate": True}, "service.verify_https_client_certificate"),
        (
            {
                "service.enable_tls": True,
                "tls_cert": "a",
                "tls_key": "b",
                "service.verify_https_client_certificate": True,
            },
            "tls.ca_cert",
        ),
        ({"port": 5000, "grpc_port": 5000}, "service.grpc_port"),
        ({"service.jwt_rbac": True}, "service.jwt_rbac"),
        ({"service.jwt_rbac": True, "read_only_api_key": "r"}, "service.jwt_rbac"),
        ({"api_key": " padded"}, "service.api_key"),
        ({"api_key": "line\nbreak"}, "service.api_key"),
        ({"service.alt_api_key": "tail\t"}, "service.alt_api_key"),
        ({"api_key": "same", "read_only_api_key": "same"}, "service.read_only_api_key"),
        ({"read_only_api_key": "same", "cosdata.password": "same"}, "cosdata.password"),
    ],
)
def test_settings_that_contradict_each_other_are_errors(flags: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(flags)
    assert caught.value.field == field


def test_any_free_port_may_be_taken_twice() -> None:
    assert load({"port": 0, "grpc_port": 0, "cosdata_port": 0}).service.grpc_port == 0


def test_each_interface_has_a_port_of_its_own() -> None:
    assert load({"port": 1, "grpc_port": 2, "cosdata_port": 3}).cosdata.port == 3
    for one, other in ((1, 2), (2, 1)):
        with pytest.raises(
            InvalidInputError, match=rf"cosdata\.port is 1, which service\.{'http' if one == 1 else 'grpc'}_port is too"
        ):
            load({"port": one, "grpc_port": other, "cosdata_port": 1})


def test_passwords_are_not_shown() -> None:
    settings = load({"cosdata.password": "correct horse"})
    assert settings.cosdata.password == "correct horse"
    assert "horse" not in repr(settings)


def test_a_cluster_is_not_supported() -> None:
    with pytest.raises(UnsupportedError):
        load(environment={"QDRANT__CLUSTER__ENABLED": "true"})


def test_short_keys_for_tokens_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "quiverdb.server"):
        Authenticator(Service(api_key="x" * 32, jwt_rbac=True), lambda _: False)
        assert not caplog.records
        Authenticator(Service(api_key="x" * 31, jwt_rbac=True), lambda _: False)
    assert "32 bytes" in caplog.text


def test_an_address_is_given_without_brackets() -> None:
    with pytest.raises(InvalidInputError, match="without brackets"):
        load({"host": "[::1]"})


KEYS = sorted(_known())


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_does_something(key: str) -> None:
    name = key.rpartition(".")[2]
    used = re.compile(rf'\.{name}\b|"{name}"')
    folder = Path(server.__file__).parent
    readers = {*folder.rglob("*.py"), folder.parent / "cli/serve.py"} - {folder / "sources.py"}
    assert any(used.search(path.read_text()) for path in readers)


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_documented(key: str) -> None:
    table = (Path(__file__).parents[2] / "docs/server.md").read_text()
    assert f"`{key}`" in table


def test_empty_keys_are_none() -> None:
    assert Service(api_key="", alt_api_key="", read_only_api_key="").keys == ()
    assert Service(api_key="a", jwt_rbac=False).signing_keys == ()
    assert Service(api_key="", alt_api_key="b", jwt_rbac=True).signing_keys == ("b",)
