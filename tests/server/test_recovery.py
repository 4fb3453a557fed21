"""Where snapshots may come from, and every way out of their folder that is known."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import quiverdb
from quiverdb.errors import InvalidInputError, NotFoundError, RefusedError
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec
from quiverdb.model.point import Points
from quiverdb.model.write import Upsert
from quiverdb.server.recovery import Fetcher, check_snapshot_name, local_file, snapshot_source
from quiverdb.server.settings import Storage

CONTENT = b"what a snapshot holds " * 10_000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("name", ["a.snapshot", "a b.snapshot", "a..b.snapshot", "ü.snapshot", "%2e%2e%2fa.snapshot"])
def test_names_of_snapshots(name: str) -> None:
    assert check_snapshot_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a.snapshot",
        "..\\a.snapshot",
        "/etc/passwd",
        "/a.snapshot",
        "a/b.snapshot",
        "a\\b.snapshot",
        "C:a.snapshot",
        "a.snapshot\0.png",
        "a\n.snapshot",
        "a.snapshot/",
        "a.snapshot/..",
        "a.checksum",
        "a.snapshot.checksum",
        "manifest.json",
        "x" * 300 + ".snapshot",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_snapshot_name(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "snapshots" / "docs").mkdir(parents=True)
    (folder / "snapshots" / "docs" / "a b.snapshot").write_bytes(CONTENT)
    (tmp_path / "secret.snapshot").write_text("secret")
    (tmp_path / "data-of-others").mkdir()
    (tmp_path / "data-of-others" / "a.snapshot").write_text("secret")
    return folder


@pytest.mark.parametrize("scheme", ["file://", "file://localhost", "file:", "FILE://"])
@pytest.mark.parametrize("name", ["a b.snapshot", "a%20b.snapshot", "./a b.snapshot", "../docs/a b.snapshot"])
def test_files_inside_the_data_folder(scheme: str, name: str, data: Path) -> None:
    place = data / "snapshots" / "docs"
    assert local_file(f"{scheme}{place}/{name}", data) == (place / "a b.snapshot").resolve()


@pytest.mark.parametrize(
    "tail",
    [
        "/../secret.snapshot",
        "/%2e%2e/secret.snapshot",
        "/..%2fsecret.snapshot",
        "/snapshots/../../secret.snapshot",
        "/no/../../secret.snapshot",
        "-of-others/a.snapshot",
        "/link.snapshot",
        "/linked/secret.snapshot",
        "/up/secret.snapshot",
        "/..",
    ],
)
def test_files_outside_the_data_folder(tail: str, data: Path) -> None:
    (data / "link.snapshot").symlink_to(data.parent / "secret.snapshot")
    (data / "linked").symlink_to(data.parent)
    (data / "up").symlink_to("..")
    with pytest.raises(RefusedError, match="not inside the data folder") as caught:
        local_file(f"file://{data}{tail}", data)
    assert caught.value.status == 403


@pytest.mark.parametrize("location", ["file:///etc/passwd", "file:///proc/self/environ", "file:////etc/passwd"])
def test_files_of_the_system(location: str, data: Path) -> None:
    with pytest.raises(RefusedError):
        local_file(location, data)


def test_links_inside_are_followed(data: Path) -> None:
    (data / "link.snapshot").symlink_to(data / "snapshots" / "docs" / "a b.snapshot")
    assert local_file(f"file://{data}/link.snapshot", data).name == "a b.snapshot"


def test_a_data_folder_behind_a_link(data: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(data)
    assert local_file(f"file://{data}/snapshots/docs/a b.snapshot", tmp_path / "alias").is_file()


def test_a_database_in_memory_has_no_files(data: Path) -> None:
    with pytest.raises(RefusedError):
        local_file(f"file://{data}/snapshots/docs/a b.snapshot", None)


@pytest.mark.parametrize(
    "location",
    ["file://evil.example/a.snapshot", "file://127.0.0.1/a", "file:a.snapshot", "file:", "file://", "file:///%00", "file://["],
)  # fmt: skip
def test_urls_that_mean_no_file(location: str, data: Path) -> None:
    with pytest.raises(InvalidInputError):
        local_file(location, data)


def test_files_that_do_not_exist(data: Path) -> None:
    for name in ("none.snapshot", "snapshots"):
        with pytest.raises(NotFoundError):
            local_file(f"file://{data}/{name}", data)


ALLOWED = Fetcher(Storage(recover_hosts=("good.example", "Ported.example:8080", "[::1]", "10.0.0.1", "[fe80::2]:81")))


@pytest.mark.parametrize(
    "location",
    [
        "http://good.example/a",
        "https://good.example/a",
        "http://GOOD.example:80/a",
        "https://good.example:443/a",
        "http://ported.example:8080/a",
        "http://[::1]/a",
        "http://10.0.0.1/a?b=c#d",
        "http://[fe80::2]:81/a",
    ],
)
def test_allowed_hosts(location: str) -> None:
    ALLOWED.check(location)


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example/a",
        "http://good.example.evil.example/a",
        "http://evilgood.example/a",
        "http://sub.good.example/a",
        "http://good.example./a",
        "http://good.example:8080/a",
        "http://good.example:443/a",
        "https://good.example:80/a",
        "http://ported.example/a",
        "http://good.example:0/a",
        "http://localhost/a",
        "http://127.0.0.1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/a",
        "http://[::1]:8080/a",
        "http://[0:0:0:0:0:0:0:1]/a",
        "http://167772161/a",
        "http://10.1/a",
        "http://012.0.0.1/a",
        "http://evil.example/http://good.example/",
        "http://evil.example?good.example",
        "http://evil.example#@good.example/",
    ],
)
def test_other_hosts(location: str) -> None:
    with pytest.raises(RefusedError, match="recover_hosts") as caught:
        ALLOWED.check(location)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "location",
    [
        "http://good.example@evil.example/a",
        "http://user:password@good.example/a",
        "http://evil.example\\@good.example/a",
        "http://good.example\\.evil.example/a",
        "http://good.example /a",
        "http://good.example/a b",
        "http://good.example/\ta",
        "http://good.example\r\nx: y/a",
        "http://good\N{FULLWIDTH FULL STOP}example/a",
        "http://gооd.example/a",  # noqa: RUF001 — Cyrillic letters
        "http://good.example:port/a",
        "http://good.example:99999/a",
        "http:///a",
        "http://",
        "http:good.example/a",
        "http://[::1/a",
        "ftp://good.example/a",
        "//good.example/a",
        "s3://good.example/a",
        "good.example/a",
        "",
    ],
)
def test_urls_that_can_be_read_in_two_ways(location: str) -> None:
    with pytest.raises(InvalidInputError):
        ALLOWED.check(location)


@pytest.mark.parametrize(
    "host", ["", "http://good.example", "good.example/path", "*.example", "a@b", "a b", "host:x", "*"]
)
def test_hosts_of_the_settings_must_be_hosts(host: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Fetcher(Storage(recover_hosts=(host,)))
    assert caught.value.field == "storage.recover_hosts"


class Handler(BaseHTTPRequestHandler):
    """Answer as the path says."""

    seen: list[tuple[str, str | None]]
    elsewhere: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        type(self).seen.append((self.path, self.headers["api-key"]))
        kind = self.path.strip("/").partition("?")[0]
        if kind.startswith("to-"):
            targets = {"to-file": "file:///etc/passwd", "to-elsewhere": self.elsewhere, "to-itself": "/to-itself"}
            target = targets.get(kind, "/" + kind.removeprefix("to-"))
            self._answer(302, b"", location=target)
        elif kind == "chunked":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for start in range(0, len(CONTENT), 50_000):
                part = CONTENT[start : start + 50_000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif kind == "short":
            self.send_response(200)
            self.send_header("content-length", str(len(CONTENT) + 1))
            self.end_headers()
            self.wfile.write(CONTENT)
            self.close_connection = True
        elif kind == "gzip":
            self._answer(200, gzip.compress(CONTENT), **{"content-encoding": "gzip"})
        elif kind == "redirect-to-nowhere":
            self._answer(302, b"")
        else:
            self._answer({"missing": 404, "partial": 206}.get(kind, 200), CONTENT)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Handler.seen = []
    Handler.elsewhere = "http://127.0.0.1:1/a"
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(host: str, path: str, target: Path, hosts: tuple[str, ...] = (), **options: Any) -> bytes:
    limit = options.pop("limit", None)
    fetcher = Fetcher(Storage(recover_hosts=(host, *hosts), max_snapshot_size_mb=limit))
    fetcher.fetch(f"http://{host}/{path}", target, **options)
    return target.read_bytes()


@pytest.mark.parametrize("path", ["plain", "chunked", "to-plain", "to-to-chunked", "plain?a=b&c#d", ""])
def test_what_is_allowed_is_fetched(path: str, host: str, tmp_path: Path) -> None:
    assert fetch(host, path, tmp_path / "a", checksum=SHA.upper(), api_key="k") == CONTENT
    assert {key for _, key in Handler.seen} == {"k"}


def test_keys_and_queries_are_sent(host: str, tmp_path: Path) -> None:
    fetch(host, "plain?a=b%20c#fragment", tmp_path / "a", api_key="key")
    assert Handler.seen == [("/plain?a=b%20c", "key")]


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("missing", InvalidInputError, "answers 404"),
        ("partial", InvalidInputError, "answers 206"),
        ("short", InvalidInputError, "broke off"),
        ("to-itself", InvalidInputError, "5 redirections"),
        ("to-file", InvalidInputError, "no http"),
        ("to-elsewhere", RefusedError, "127.0.0.1:1"),
        ("redirect-to-nowhere", InvalidInputError, "redirections"),
    ],
)
def test_failed_downloads_leave_nothing(
    path: str, error: type[Exception], told: str, host: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=told):
        fetch(host, path, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_wrong_checksums_leave_nothing(host: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="checksum mismatch"):
        fetch(host, "plain", tmp_path / "a", checksum="0" * 64)
    with pytest.raises(InvalidInputError, match="checksum mismatch"):
        fetch(host, "gzip", tmp_path / "a", checksum=SHA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["plain", "chunked"])
def test_large_downloads_are_broken_off(path: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quiverdb.server.recovery.MEGABYTE", 1000)
    with pytest.raises(RefusedError, match="more than 3000 bytes"):
        fetch(host, path, tmp_path / "a", limit=3)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_stays(host: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OSError, match="a"):
        fetch(host, "plain", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "mine"


def test_redirections_go_to_allowed_hosts_without_the_key(host: str, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as second:
        thread = threading.Thread(target=second.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        other = f"127.0.0.1:{second.server_port}"
        Handler.elsewhere = f"http://{other}/plain"
        try:
            assert fetch(host, "to-elsewhere", tmp_path / "a", (other,), api_key="k") == CONTENT
        finally:
            second.shutdown()
            thread.join()
    assert Handler.seen == [("/to-elsewhere", "k"), ("/plain", None)]


def test_hosts_that_do_not_answer(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be fetched"):
        fetch("127.0.0.1:1", "plain", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_proxies_of_the_environment_are_not_asked(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(host, "plain", tmp_path / "a") == CONTENT


def test_every_kind_of_location_is_recovered_from(tmp_path: Path) -> None:
    with quiverdb.open(tmp_path / "data") as database:
        database.create_collection("docs", CollectionSpec(vectors={"": VectorSpec(2, Distance.DOT)}))
        database.write("docs", [Upsert(Points(ids=[1, 2], vectors={}))])
        made = database.create_snapshot("docs")
        assert made is not None
        content = Path(made.path).read_bytes()

        class Snapshot(Handler):
            def do_GET(self) -> None:
                self._answer(200, content)

        with ThreadingHTTPServer(("127.0.0.1", 0), Snapshot) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                host = f"127.0.0.1:{server.server_port}"
                fetcher = Fetcher(Storage(recover_hosts=(host,)))
                for location in (made.name, f"file://{made.path}", f"http://{host}/a.snapshot"):
                    database.delete_collection("docs")
                    with snapshot_source(location, tmp_path / "data", fetcher, checksum=made.checksum) as source:
                        database.recover_snapshot("docs", source, checksum=made.checksum)
                    assert database.count("docs") == 2
                with snapshot_source(f"http://{host}/a.snapshot", None, fetcher) as source:
                    assert Path(source).read_bytes() == content
                assert not Path(source).parent.exists()
            finally:
                server.shutdown()
                thread.join()
        assert [file.name for file in (tmp_path / "data" / "snapshots").iterdir()] == ["docs"]


def test_downloads_that_a_crash_left_are_removed_on_opening(tmp_path: Path) -> None:
    quiverdb.open(tmp_path).close()
    fetcher = Fetcher(Storage(recover_hosts=("127.0.0.1:1",)))
    with pytest.raises(InvalidInputError), snapshot_source("http://127.0.0.1:1/a", tmp_path, fetcher):
        pass
    left = tmp_path / "snapshots" / "download-0.snapshot.new"
    left.write_text("half")
    quiverdb.open(tmp_path).close()
    assert not left.exists()


@pytest.mark.parametrize(
    "location", ["", None, 5, "\0", "a\nb", "../a.snapshot", "/etc/passwd", "data/a.snapshot", "a"]
)
def test_locations_that_are_none(location: Any, data: Path) -> None:
    with pytest.raises(InvalidInputError), snapshot_source(location, data, ALLOWED):
        pass


def test_locations_elsewhere(data: Path) -> None:
    for location in ("HTTP://evil.example/a", "https://evil.example/a", "file:///etc/passwd"):
        with pytest.raises(RefusedError), snapshot_source(location, data, ALLOWED):
            pass
