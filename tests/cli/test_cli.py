from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from commands import run

import quiverdb
from quiverdb.cli import corpus
from quiverdb.embed import Bm25, HashingEmbedder
from quiverdb.qdrant import QdrantClient, models

TEXTS = ["open a file and read it", "sort a list of numbers", "send a request over http"]


@contextmanager
def opened_elsewhere(folder: Path) -> Iterator[None]:
    """Hold a database open in another process."""
    imports = "import sys; from quiverdb.qdrant import QdrantClient"
    program = f"{imports}; client = QdrantClient(path=sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield
        process.communicate("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dense, sparse = HashingEmbedder(32).embed(TEXTS), Bm25().embed_documents(TEXTS)
    with closing(QdrantClient(path=str(tmp_path / "db"))) as client:
        client.create_collection(
            "texts",
            vectors_config={"dense": models.VectorParams(size=32, distance=models.Distance.COSINE)},
            sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
            metadata={"language": "english"},
        )
        client.create_payload_index("texts", "number", models.PayloadSchemaType.INTEGER)
        client.upsert(
            "texts",
            points=[
                models.PointStruct(
                    id=i,
                    vector={
                        "dense": dense[i].tolist(),
                        "bm25": models.SparseVector(
                            indices=sparse[i].indices.tolist(), values=sparse[i].values.tolist()
                        ),
                    },
                    payload={"text": text, "number": i, "tags": ["[bold]", "x"]},
                )
                for i, text in enumerate(TEXTS)
            ],
        )
        client.create_collection("plain", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("plain", points=[models.PointStruct(id=i, vector=[i, 1.0]) for i in range(3)])
    return tmp_path / "db"


def test_the_version_is_shown() -> None:
    assert run("--version") == f"quiverdb {quiverdb.__version__}\n"


def test_the_installed_command_shows_the_version() -> None:
    command = Path(sys.executable).with_name("quiverdb")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"quiverdb {quiverdb.__version__}\n"


@pytest.mark.parametrize("command", [(), ("demo",), ("info",), ("query",)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    assert "--help" in run(*command, "--help")


def test_info_describes_collections(folder: Path) -> None:
    shown = run("info", folder)
    for part in ("2 collections", "texts", "3 points", "dense", "32", "Cosine", "bm25", "sparse", "number", "integer"):
        assert part in shown
    assert "language=english" in shown


@pytest.mark.parametrize("using", [(), ("--using", "dense"), ("--using", "bm25")])
def test_query_finds_a_text(folder: Path, using: tuple[str, ...]) -> None:
    rows = [
        line for line in run("query", folder, "texts", "--text", "sorting numbers", *using).splitlines() if line.strip()
    ]
    assert "sort a list of numbers" in rows[3]


def test_query_finds_a_vector_and_a_point(folder: Path) -> None:
    assert run("query", folder, "plain", "--vector", "[1, 0]", "--limit", 1).split()[-2:] == ["2", "2.000"]
    assert run("query", folder, "plain", "--id", 1, "--limit", 1).split()[-2:] == ["2", "3.000"]
    sparse = Bm25().embed_queries(["http request"])[0]
    vector = f'{{"indices": {sparse.indices.tolist()}, "values": [1, 1]}}'
    assert "over http" in run("query", folder, "texts", "--using", "bm25", "--vector", vector)


def test_query_filters(folder: Path) -> None:
    condition = '{"must": [{"key": "number", "range": {"gte": 2}}]}'
    shown = run("query", folder, "texts", "--filter", condition)
    assert "1 point" in shown
    assert "send a request" in shown
    assert "[bold]" in shown  # payloads are no markup


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "nothing"),
        (("texts", "--text", "a", "--id", "1"), "only one of"),
        (("texts", "--vector", "[1,"), "not JSON"),
        (("texts", "--vector", '"a"'), "list of numbers"),
        (("plain", "--vector", "[1, 2, 3]"), "3"),
        (("texts", "--filter", '{"must": [{"key": 1}]}'), "must"),
        (("texts", "--text", "a", "--using", "other"), "other"),
        (("plain", "--id", "77"), "77"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    said = run("query", folder, *arguments, code=1)
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said


@pytest.mark.parametrize("command", [("info",), ("query", "texts")])
def test_a_folder_without_a_database_is_refused_and_left_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("not ours")
    for wrong in (tmp_path / "missing", tmp_path, tmp_path / "file"):
        assert "no QuiverDB database" in run(command[0], wrong, *command[1:], code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_locked_folder_names_its_owner(folder: Path) -> None:
    with opened_elsewhere(folder):
        said = run("info", folder, code=1)
    assert "pid" in said
    assert said.count("\n") == 1


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"shutil.py", "argparse.py", "threading.py", "bz2.py", "gzip.py"}
    files = [path for path in corpus.source_files() if path.name in wanted]
    monkeypatch.setattr("quiverdb.cli.demo.source_files", lambda: files)


@pytest.mark.usefixtures("few_files")
def test_the_demo_answers_and_reopens(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    first = run("demo", "--path", folder)
    assert "Read, embedded and stored" in first
    for part in ("argparse", "threading.", "bz2.compress", "Like shutil.copytree", "quiverdb query"):
        assert part in first
    second = run("demo", "--path", folder)
    assert "Reopened" in second
    assert "Read, embedded" not in second
    assert "Read, embedded and stored" in run("demo", "--path", folder, "--fresh")
    assert "stdlib" in run("info", folder)


@pytest.mark.usefixtures("few_files")
def test_an_unfinished_demo_is_built_anew(tmp_path: Path) -> None:
    run("demo", "--path", tmp_path)
    with closing(QdrantClient(path=str(tmp_path))) as client:
        client.delete("stdlib", points_selector=[0])
    assert "Read, embedded and stored" in run("demo", "--path", tmp_path)


def test_the_demo_does_not_move_into_a_folder_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear reader")
    assert "other files" in run("demo", "--path", tmp_path, code=1)
    assert "letter.txt" in run("demo", "--path", tmp_path / "letter.txt", code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_demo_lives_among_the_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from quiverdb.cli.demo import default_folder

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "quiverdb" / "demo"
