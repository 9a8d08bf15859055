"""Where output goes: data to stdout, everything else to stderr; colour and motion only for people."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell a person how it goes."""
    err.print(message, style="dim")


def emit_json(value: object) -> None:
    """Data for programs: one JSON document (or one per line, when called repeatedly)."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    return shown
