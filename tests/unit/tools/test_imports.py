"""No module gets round the import rules by naming a module in a string."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.docgen.documents import ROOT

_IMPORTERS: Final = frozenset({"import_module", "__import__", "run_module", "resolve_name", "find_spec"})

ALLOWED: Final = {
    "deploy/local/lutong_local/forkserver.py": "a fork of it becomes a service, as `python -m` would; it is not imported here",
    "services/console/lutong_console/cli/main.py": "looks whether the local stack is installed",
}


def imports_by_string(source: str, package: str) -> Iterator[str]:
    """Calls that import a module by a string that does not begin with the module's own package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and _called(node.func) in _IMPORTERS:
            start = _literal_start(node.args[0])
            if not start or (start.startswith("lutong_") and not start.startswith(f"{package}.")):
                yield ast.unparse(node)


def _called(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _literal_start(argument: ast.expr) -> str:
    """The text that an argument begins with, as far as it is written out."""
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def test_no_module_is_imported_by_string_from_another_package() -> None:
    sources = [*ROOT.glob("libs/*/lutong_*/**/*.py"), *ROOT.glob("services/*/lutong_*/**/*.py"), *ROOT.glob("deploy/local/lutong_local/*.py"), *ROOT.glob("tools/**/*.py")]  # fmt: skip
    assert len(sources) > 150
    found = {_relative(path): list(imports_by_string(path.read_text("utf-8"), _package(path))) for path in sources}
    assert {path for path, calls in found.items() if calls} == {*ALLOWED}


def test_the_check_sees_an_import_by_string() -> None:
    assert list(imports_by_string('import_module(f"lutong_{name}.http")', "lutong_console"))
    assert list(imports_by_string('importlib.import_module("lutong_feed.app")', "lutong_console"))
    assert not list(imports_by_string('import_module(f"lutong_console.{name}")', "lutong_console"))


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _package(path: Path) -> str:
    return next((part for part in path.parts if part.startswith("lutong_")), "tools")
