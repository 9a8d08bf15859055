"""`python -m tools.testnames`: names of tests with more than twelve words. Exit code 1 when there is any.

A name is one short sentence. What does not fit in it is a second test, or a docstring.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lutong_console.cli.errors import PROBLEM
from tools.docgen.documents import ROOT

FOLDER: Final = "tests"
WORDS_MAX: Final = 12
PREFIX: Final = "test_"


class Long(NamedTuple):
    """A name that is too long, the line of its test, and how many words it has."""

    line: int
    name: str
    words: int


def long_names(source: str) -> Iterator[Long]:
    """Each test function, alone or in a class, whose name has more than `WORDS_MAX` words after `test_`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(PREFIX):
            words = len(node.name.removeprefix(PREFIX).split("_"))
            if words > WORDS_MAX:
                yield Long(node.lineno, node.name, words)


def problems(root: Path) -> Iterator[str]:
    """`tests/unit/test_x.py:12: test_…: 14 words`, for each in the checkout."""
    for path in sorted((root / FOLDER).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        for found in long_names(path.read_text(encoding="utf-8")):
            yield f"{name}:{found.line}: {found.name}: {found.words} words"


def main() -> int:
    """Print each name that is too long."""
    found = list(problems(ROOT))
    sys.stdout.writelines(f"{line}: use at most {WORDS_MAX}\n" for line in found)
    return PROBLEM if found else 0


if __name__ == "__main__":
    sys.exit(main())
