"""The documents of the demo: what the standard library of this machine says of itself.

Source files are parsed, never imported. Every module, class, function and method with a docstring is a document.
"""

from __future__ import annotations

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

__all__ = ["Document", "read_documents", "source_files"]

_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "lib2to3"}
_TEXT_LIMIT = 2000

_Definition: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Document(msgspec.Struct, frozen=True):
    """Describe a piece of the standard library. ``text`` is its docstring, ``lines`` the length of its source."""

    name: str
    module: str
    package: str
    kind: str
    summary: str
    text: str
    lines: int
    line: int
    public: bool


def source_files(root: Path | None = None) -> list[Path]:
    """List the source files of the standard library, or of another folder."""
    folder = Path(sysconfig.get_path("stdlib")) if root is None else root
    found = (path for path in folder.rglob("*.py") if not _SKIPPED & set(path.relative_to(folder).parts))
    return sorted(found)


def read_documents(path: Path, root: Path | None = None) -> Iterator[Document]:
    """Return the documents of a source file; none if it cannot be parsed."""
    folder = Path(sysconfig.get_path("stdlib")) if root is None else root
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own escapes and syntax are not our concern
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return
    steps = path.relative_to(folder).with_suffix("").parts
    module = ".".join(steps[:-1] if steps[-1] == "__init__" and len(steps) > 1 else steps)
    yield from _documents(tree, module, module, source.count(b"\n"))


def _documents(node: _Definition, name: str, module: str, lines: int) -> Iterator[Document]:
    text = ast.get_docstring(node)
    if text and text.strip():
        yield Document(
            name=name,
            module=module,
            package=module.partition(".")[0],
            kind=_kind(node, is_method=name.rpartition(".")[0] != module),
            summary=" ".join(text.strip().split("\n\n", 1)[0].split()),
            text=text[:_TEXT_LIMIT],
            lines=lines,
            line=getattr(node, "lineno", 1),
            public=not any(step.startswith("_") and not step.endswith("__") for step in name.split(".")),
        )
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                length = (child.end_lineno or child.lineno) - child.lineno + 1
                yield from _documents(child, f"{name}.{child.name}", module, length)


def _kind(node: _Definition, *, is_method: bool) -> str:
    match node:
        case ast.Module():
            return "module"
        case ast.ClassDef():
            return "class"
        case _:
            return "method" if is_method else "function"
