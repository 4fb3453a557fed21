"""Every route of the API leads somewhere, and every path that is none leads nowhere."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_routes import FACTS, NAMES, ROUTES

from quiverdb.server.access import NEEDS
from quiverdb.server.routing import MethodError, PathError, Router
from quiverdb.server.serving import Server


def test_the_facts_are_complete() -> None:
    assert len(FACTS) == 69


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_is_served(server: Server, method: str, path: str) -> None:
    route, names = server.qdrant.router.find(method, path.format_map({name: f"a {name}" for name in NAMES}))
    assert route.label == f"{method} {path}"
    assert route.name in NEEDS
    assert names == {name: f"a {name}" for name in NAMES if f"{{{name}}}" in path}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_answers(http: httpx.Client, method: str, path: str) -> None:
    """On an empty server most answers are refusals; none may be that of an unknown route, or a failure."""
    answer = http.request(method, path.format_map(NAMES), json={})
    assert answer.status_code in {200, 202, 400, 404} or (answer.status_code == 405 and "/cluster" in path)
    assert answer.content
    if answer.status_code >= 400:
        assert answer.json()["status"]["error"]
        assert answer.json()["time"] == 0.0


@pytest.mark.parametrize("path", ["/nowhere", "/collections/a/b/c", "/collections//points", "/collections/../etc"])
def test_an_unknown_path_is_not_found_and_the_answer_is_empty(http: httpx.Client, path: str) -> None:
    answer = http.get(http.base_url.copy_with(raw_path=path.encode()))
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/collections", "GET, HEAD"),
        ("PATCH", "/collections/docs/points", "POST, PUT"),
        ("PUT", "/", "GET, HEAD"),
    ],
)
def test_an_unknown_method_is_told_which_are_known(http: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/healthz", "/collections", "/metrics", "/openapi.json"])
def test_head_is_get_without_a_body(http: httpx.Client, path: str) -> None:
    answer = http.head(path)
    assert answer.status_code == 200
    assert not answer.content
    assert int(answer.headers["content-length"]) > 0


def test_a_literal_step_is_found_before_a_name_and_a_name_where_it_does_not_serve() -> None:
    router = Router[str]()
    router.add("POST", "/c/aliases", "aliases")
    router.add("GET", "/c/{name}", "info")
    router.add("GET", "/c/{name}/points/{id}", "point")
    router.add("POST", "/c/{name}/points/query", "query")
    assert router.find("POST", "/c/aliases") == ("aliases", {})
    assert router.find("GET", "/c/aliases") == ("info", {"name": "aliases"})
    assert router.find("GET", "/c/aliases/points/query") == ("point", {"name": "aliases", "id": "query"})
    assert router.find("HEAD", "/c/x/") == ("info", {"name": "x"})
    with pytest.raises(MethodError) as caught:
        router.find("PUT", "/c/aliases")
    assert caught.value.allowed == ("GET", "HEAD", "POST")
    for path in ("/c//points/1", "/d", "/c/%7B%7D/points", "/c/{}/points"):
        with pytest.raises(PathError):
            router.find("GET", path)


@given(st.text(min_size=1).filter(lambda text: not text.isspace()))
def test_any_text_can_stand_in_a_path(text: str) -> None:
    router = Router[str]()
    router.add("GET", "/c/{name}/x", "found")
    try:
        path = f"/c/{quote(text, safe='')}/x"
    except UnicodeEncodeError:
        return
    assert router.find("GET", path) == ("found", {"name": text})
