"""Write asynchronous clients from synchronous ones: modules become those of a package ``_async`` beside them.

What asks the connection, and what calls that, is awaited, and classes get ``Async`` before their names. A ``Twins``
says what cannot be seen from the source. Comments and examples do not come over.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "src"
SPECIAL = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


@dataclass(frozen=True)
class Twins:
    """Say which modules of a package have asynchronous twins."""

    tool: str
    package: str
    sources: Sequence[str]
    bases: Mapping[str, Sequence[str]]
    """Classes that come in pairs, and their methods that are awaited."""
    receivers: Mapping[str, str]
    """Which class an attribute or variable of this name is of."""
    prefix: str = ""
    """What stands before the names of the modules."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """Functions that come in pairs."""
    not_awaited: Collection[str] = ()
    """Those of them whose result goes on as it is."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """For the docstrings of classes."""

    @property
    def folder(self) -> Path:
        return ROOT.joinpath(*self.package.split("."))

    @property
    def target(self) -> Path:
        return self.folder / "_async"


class Program:
    """The source modules, and which of their methods are awaited."""

    def __init__(self, twins: Twins) -> None:
        self.twins = twins
        self.modules = {
            name: ast.parse((twins.folder / f"{twins.prefix}{name}.py").read_text("utf-8")) for name in twins.sources
        }
        nodes = [node for module in self.modules.values() for node in module.body]
        self.classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
        self.parents = {
            name: [base.id for base in node.bases if isinstance(base, ast.Name)] for name, node in self.classes.items()
        }
        self.families = {name: self._root(name) for name in {*self.classes, *twins.bases}}
        self.awaited = {(self.families[name], method) for name, methods in twins.bases.items() for method in methods}
        while self._spread():
            continue

    def _root(self, name: str) -> str:
        """Return the class that stands for all that inherit from each other."""
        known = [
            parent for parent in self.parents.get(name, []) if parent in self.classes or parent in self.twins.bases
        ]
        return self._root(known[0]) if known else name

    def _spread(self) -> bool:
        """Mark methods that call what is awaited; tell whether any is new."""
        before = len(self.awaited)
        for name, node in self.classes.items():
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and any(self.is_awaited(call, name) for call in calls(part)):
                    self.awaited.add((self.families[name], part.name))
                if (bound := bound_method(part)) and (self.families[bound[1]], bound[2]) in self.awaited:
                    self.awaited.add((self.families[name], bound[0]))
        return len(self.awaited) > before

    def is_awaited(self, call: ast.Call, owner: str) -> bool:
        """Tell whether a call within a class is to be awaited."""
        match call.func:
            case ast.Name(id=name):
                return name in self.twins.functions and name not in self.twins.not_awaited
            case ast.Attribute(value=value, attr=method):
                kind = self._class_of(value, owner)
                return kind is not None and (self.families[kind], method) in self.awaited
        return False

    def _class_of(self, value: ast.expr, owner: str) -> str | None:
        match value:
            case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
                return owner
            case ast.Attribute(attr="_module"):
                return f"{owner}Module"
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self.twins.receivers.get(name)
        return None


def calls(node: ast.AST) -> Iterator[ast.Call]:
    return (child for child in ast.walk(node) if isinstance(child, ast.Call))


def bound_method(part: ast.stmt) -> tuple[str, str, str] | None:
    """Return the name, class and method of ``name = of_collection(Class.method)`` and of ``name = method``."""
    match part:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Call(args=[ast.Attribute(value=ast.Name(id=owner), attr=method)]),
        ):
            return name, owner, method
    return None


class Rewriter(ast.NodeTransformer):
    """Turn a synchronous module into an asynchronous one."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._owner = ""
        names = (*program.classes, *program.twins.bases)
        self._names: Mapping[str, str] = {**{name: f"Async{name}" for name in names}, **program.twins.functions}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._owner = node.name
        self.generic_visit(node)
        write_docstring(node, self._program.twins.examples.get(node.name, ""))
        node.name = self._names.get(node.name, node.name)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        special = node.name in SPECIAL
        awaited = special or (self._program.families.get(self._owner), node.name) in self._program.awaited
        if self._owner not in self._program.classes or node not in self._program.classes[self._owner].body:
            awaited = False
        self.generic_visit(node)
        write_docstring(node, "")
        if not awaited:
            return node
        fields = {name: getattr(node, name) for name in node._fields} | {"name": SPECIAL.get(node.name, node.name)}
        return ast.copy_location(ast.AsyncFunctionDef(**fields), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        awaited = self._program.is_awaited(node, self._owner)
        self.generic_visit(node)
        return ast.copy_location(ast.Await(node), node) if awaited else node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        twins = self._program.twins
        inside = (node.module or "").removeprefix(f"{twins.package}.{twins.prefix}")
        if inside in self._program.modules:
            node.module = f"{twins.package}._async.{inside}"
        for alias in node.names:
            alias.name = self._names.get(alias.name, alias.name)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str) and node.value in self._names and node.value in self._program.classes:
            node.value = self._names[node.value]  # in __all__
        return node


def write_docstring(node: ast.ClassDef | ast.FunctionDef, example: str) -> None:
    """Take the examples out of a docstring, and put another one in."""
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return
    kept = re.sub(r"\n\s*>>> .*", "", text, flags=re.DOTALL).rstrip()
    ends = "\n    " if "\n" in kept and not example else ""
    node.body[0] = ast.Expr(ast.Constant(kept + (f"\n{example}" if example else ends)))


def generate(twins: Twins) -> dict[Path, str]:
    """Return the text of each file."""
    program = Program(twins)
    rewriter = Rewriter(program)
    files = {twins.target / "__init__.py": f'"""The asynchronous client. Generated by tools/{twins.tool}."""\n'}
    for name, module in program.modules.items():
        origin = f"Generated by tools/{twins.tool} from {twins.prefix}{name}.py: change that, and run the tool."
        text = (ast.get_docstring(module) or "").split("\n")[0]
        tree = rewriter.visit(module)
        tree.body[0] = ast.Expr(ast.Constant(f"{text}\n\n{origin}\n"))
        path = twins.target / f"{name}.py"
        files[path] = formatted(ast.unparse(ast.fix_missing_locations(tree)) + "\n", path)
    return files


def formatted(text: str, path: Path) -> str:
    """Return the text as ruff writes it, without imports that nobody needs."""
    for command in (["check", "--select", "I,F401,UP034", "--fix", "--quiet"], ["format", "--quiet"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        text = subprocess.run(arguments, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main(twins: Twins) -> None:
    """Write the files, or with ``--check`` fail if one differs from what would be written."""
    files = generate(twins)
    if "--check" not in sys.argv:
        twins.target.mkdir(exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
        return
    written = {path: path.read_text("utf-8") for path in twins.target.glob("*.py")}
    if stale := sorted(path.name for path in {*files, *written} if files.get(path) != written.get(path)):
        raise SystemExit(f"{', '.join(stale)} not current: run python tools/{twins.tool}")
