"""Which modules of the project a module imports, read from the source without running it."""

import ast
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
    """Return every dotted name that a file imports, inside functions and for type checking too."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            assert node.module
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def direct(file: Path) -> set[Path]:
    """Return the project's files that a file imports itself, packages' `__init__.py` included."""
    found = {module_file(name) for name in imported_names(file)}
    return {path for path in found if path is not None}


def transitive(file: Path) -> set[Path]:
    """Return a file and all of the project's files that importing it can load."""
    seen = {file, file.parent / "__init__.py"}
    waiting = [file]
    while waiting:
        for path in direct(waiting.pop()) - seen:
            seen.add(path)
            waiting.append(path)
    return seen
