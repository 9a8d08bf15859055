"""`python -m tools.rows`: parameters and results whose items are anonymous tuples. Exit code 1 when there is any.

A row has a name and its fields have types: a `NamedTuple` stays a tuple for `unnest`, and no docstring explains an order.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lutong_console.cli.errors import PROBLEM
from tools.docgen.documents import ROOT

FOLDERS: Final = ("libs", "services", "deploy", "tools", "tests/support")

_COLLECTIONS: Final = frozenset(
    {"AsyncIterator", "Collection", "Iterable", "Iterator", "Sequence", "deque", "frozenset", "list", "set", "tuple"}
)
"""What has items. Mappings are not among them: a key of two parts is looked up, never taken apart."""


class Found(NamedTuple):
    """An annotation, and the function that has it."""

    line: int
    text: str


def anonymous(source: str) -> Iterator[Found]:
    """Each annotation of a parameter or result that holds items of a fixed shape without a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            arguments = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
            for annotation in (*(each.annotation for each in arguments if each), node.returns):
                if annotation and any(_holds_rows(each) for each in ast.walk(annotation)):
                    yield Found(annotation.lineno, f"{node.name}: {ast.unparse(annotation)}")


def _holds_rows(annotation: ast.AST) -> bool:
    """`Sequence[tuple[str, int]]`, but not `tuple[str, int]` alone, nor `Sequence[tuple[str, ...]]`."""
    return isinstance(annotation, ast.Subscript) and _name(annotation) in _COLLECTIONS and _is_row(_item(annotation))


def _item(annotation: ast.Subscript) -> ast.expr:
    first = annotation.slice
    if _name(annotation) == "tuple" and isinstance(first, ast.Tuple) and _is_open(first):
        return first.elts[0]
    return first


def _is_row(annotation: ast.expr) -> bool:
    inside = annotation.slice if isinstance(annotation, ast.Subscript) else None
    if not isinstance(annotation, ast.Subscript) or _name(annotation) != "tuple":
        return False
    return isinstance(inside, ast.Tuple) and not _is_open(inside)


def _is_open(inside: ast.Tuple) -> bool:
    return any(isinstance(each, ast.Constant) and each.value is Ellipsis for each in inside.elts)


def _name(annotation: ast.Subscript) -> str:
    return ast.unparse(annotation.value).rpartition(".")[2]


def problems(root: Path) -> Iterator[str]:
    """`services/feed/x.py:12: save: Sequence[tuple[str, int]]`, for each in the checkout."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            yield from (f"{name}:{line}: {what}" for line, what in anonymous(path.read_text(encoding="utf-8")))


def main() -> int:
    """Print what must change."""
    found = list(problems(ROOT))
    for line in found:
        sys.stdout.write(f"{line}: give the row a name (NamedTuple)\n")
    return PROBLEM if found else 0


if __name__ == "__main__":
    sys.exit(main())
