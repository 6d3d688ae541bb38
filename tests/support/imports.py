"""Which files of the project a module loads, read from the source without running it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("sentiment", "stages")


def module_file(name: str) -> Path | None:
    """Return the file of a module of the project relative to its root, or None for any other module."""
    path = Path(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if name.split(".")[0] in PACKAGES and (ROOT / file).is_file()), None)


@cache
def imported_names(file: Path) -> frozenset[str]:
    """Return every dotted name that a file can import when it runs, those inside its functions included.

    Imports under `if TYPE_CHECKING:` never run: an edit of such a module changes no result of a stage.
    """
    names = set()
    for node in _nodes_that_run(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            assert node.module
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _nodes_that_run(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    only_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    for child in node.orelse if only_types and isinstance(node, ast.If) else ast.iter_child_nodes(node):
        yield from _nodes_that_run(child)


def direct(file: Path) -> set[Path]:
    """Return the project's files that a file imports itself."""
    found = {module_file(name) for name in imported_names(file)}
    return {path for path in found if path is not None}


def transitive(file: Path) -> set[Path]:
    """Return a file and all of the project's files that running it can load.

    Python runs the `__init__.py` of every package around a module, so these are among them.
    """
    seen: set[Path] = set()
    waiting = {file}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        packages = {parent / "__init__.py" for parent in path.parents if (ROOT / parent / "__init__.py").is_file()}
        waiting |= (direct(path) | packages) - seen
    return seen


def modules(folder: str) -> list[Path]:
    """Return every module in a folder of the project, relative to the project's root."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py"))


def package(file: Path) -> str:
    """Return the package that a file belongs to: `nn` for sentiment/nn/kernels/loops.py, `stages` for any stage.

    A module that lies directly in `sentiment/` is a package by itself.
    """
    return file.parts[0] if file.parts[0] != "sentiment" else file.parts[1].removesuffix(".py")
