"""`python -m tools.docscheck`: what documents name and does not exist, and retired names. Exit code 1 when there is any."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lutong_console.cli.errors import PROBLEM
from tools.docgen.documents import ROOT
from tools.docscheck import retired
from tools.docscheck.checkout import Checkout, read, tracked
from tools.docscheck.markdown import mentions
from tools.docscheck.references import wrong

HISTORY: Final = frozenset({"CHANGELOG.md"})
"""Pages that speak of what was."""


def problems(page: Path, checkout: Checkout) -> Iterator[str]:
    """`docs/page.md:12: there is no file x.py`, for each."""
    name = page.relative_to(checkout.root).as_posix()
    for mention in mentions(page.read_text(encoding="utf-8")):
        yield from (f"{name}:{mention.line}: {what}" for what in wrong(mention, page, checkout))


def pages(root: Path) -> list[Path]:
    """Every document of the checkout."""
    return [root / name for name in tracked(root) if name.endswith(".md") and name not in HISTORY]


def main() -> int:
    """Print every problem."""
    checkout = read(ROOT)
    named = (line for page in pages(ROOT) for line in problems(page, checkout))
    found = list(dict.fromkeys([*named, *retired.problems(ROOT)]))
    for line in found:
        sys.stdout.write(line + "\n")
    return PROBLEM if found else 0


if __name__ == "__main__":
    sys.exit(main())
