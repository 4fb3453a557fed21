from __future__ import annotations

from pathlib import Path

from quiverdb.cli.corpus import read_documents, source_files

SOURCE = '''"""Do things.

More about it.
"""

class Box:
    """Hold a thing."""

    def open(self):
        """Show what is
        inside."""
        def inner():
            """Not a document: nobody can call it."""

    def _shake(self):
        """Listen."""

    def __len__(self):
        """Count."""

async def wait():
    """Do nothing for a while."""

def undocumented():
    pass
'''


def library(folder: Path) -> Path:
    (folder / "pack" / "test").mkdir(parents=True)
    (folder / "pack" / "__init__.py").write_text(SOURCE)
    (folder / "pack" / "broken.py").write_text("def (")
    (folder / "pack" / "test" / "skipped.py").write_text('"""Test."""')
    return folder


def test_every_docstring_is_a_document(tmp_path: Path) -> None:
    root = library(tmp_path)
    documents = list(read_documents(root / "pack" / "__init__.py", root))
    assert [(document.name, document.kind) for document in documents] == [
        ("pack", "module"),
        ("pack.Box", "class"),
        ("pack.Box.open", "method"),
        ("pack.Box._shake", "method"),
        ("pack.Box.__len__", "method"),
        ("pack.wait", "function"),
    ]
    assert {document.package for document in documents} == {"pack"}
    assert [document.public for document in documents] == [True, True, True, False, True, True]


def test_a_document_knows_its_summary_and_its_size(tmp_path: Path) -> None:
    root = library(tmp_path)
    documents = {document.name: document for document in read_documents(root / "pack" / "__init__.py", root)}
    assert documents["pack"].summary == "Do things."
    assert documents["pack"].text == "Do things.\n\nMore about it."
    assert documents["pack.Box.open"].summary == "Show what is inside."
    assert (documents["pack.Box.open"].line, documents["pack.Box.open"].lines) == (9, 5)


def test_tests_are_left_out_and_broken_files_have_no_documents(tmp_path: Path) -> None:
    root = library(tmp_path)
    assert [path.name for path in source_files(root)] == ["__init__.py", "broken.py"]
    assert list(read_documents(root / "pack" / "broken.py", root)) == []


def test_the_standard_library_has_documents() -> None:
    path = next(path for path in source_files() if path.name == "shutil.py")
    assert "shutil.copytree" in {document.name for document in read_documents(path)}
