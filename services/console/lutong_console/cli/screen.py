"""Where output goes: data to stdout, everything else to stderr; colour and motion only for people.

What others wrote is data, never instructions: no terminal acts on it, whatever it contains. Markup is off;
what is to have a style is given as parts: `line(("error", "bold red"), " ", reason)`.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control and escape sequences, in one byte or two
    "\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction, line ends, what is not seen
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_OBEYED_OR_LINE_END: Final = re.compile(f"{_OBEYED.pattern}|[\t\n]")


class Rows:
    """Rows below headings: a table where it fits without breaking a word, else a block of lines for each row.

    Ids and topic names have no spaces; broken in the middle they could not be copied.
    """

    def __init__(self, headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
        self.headings = headings
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's hook."""
        widths = [max(map(_longest, cells)) for cells in zip(map(Text, self.headings), *self.rows, strict=True)]
        if sum(widths) + 2 * len(widths) > options.max_width:
            yield from self._blocks()
            return
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for heading, width in zip(self.headings, widths, strict=True):
            shown.add_column(heading, overflow="fold", min_width=width)
        for row in self.rows:
            shown.add_row(*row)
        yield shown

    def _blocks(self) -> Iterator[Text]:
        margin = max(map(len, self.headings), default=0) + 2
        for number, row in enumerate(self.rows):
            if number:
                yield Text("")
            for heading, cell in zip(self.headings, row, strict=True):
                yield Text.assemble((heading.ljust(margin), "bold"), cell, no_wrap=True, overflow="ignore")


def _longest(cell: Text) -> int:
    """How many places the longest word of a cell needs."""
    return max((cell_len(word) for word in cell.plain.split()), default=0)


class Screen(Console):
    """A console on which strings are data: nothing in them is a command to the terminal, or markup."""

    def print(self, *objects: Any, **arguments: Any) -> None:
        """Print; what a terminal would obey is shown by its name, as Python writes it."""
        shown = (_OBEYED.sub(_named, item) if isinstance(item, str) else item for item in objects)
        super().print(*shown, **arguments)


def _screen(**arguments: Any) -> Screen:
    return Screen(highlight=False, soft_wrap=True, markup=False, emoji=False, **arguments)


def plain(value: object) -> str:
    """One line of text of others, harmless in a terminal."""
    return _OBEYED_OR_LINE_END.sub(_named, str(value))


def line(*parts: object | tuple[object, str]) -> Text:
    """One line of parts, each plain or with a style of its own."""
    return Text.assemble(*((plain(part[0]), part[1]) if isinstance(part, tuple) else plain(part) for part in parts))


def _named(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


out = _screen(width=None if sys.stdout.isatty() else 200, force_terminal=sys.stdout.isatty())
err = _screen(stderr=True, force_terminal=sys.stderr.isatty())


def echo(message: str) -> None:
    """Show a person how it goes."""
    err.print(message, style="dim")


def json_line(value: object) -> str:
    """A JSON document in one line, in which a terminal finds nothing to obey either."""
    return _OBEYED.sub(_json_escaped, orjson.dumps(value, default=str).decode())


def _json_escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def emit_json(value: object) -> None:
    """Data for programs: one JSON document (or one per line, when called repeatedly)."""
    sys.stdout.write(fitting(json_line(value), sys.stdout.encoding) + "\n")
    sys.stdout.flush()


def fitting(document: str, charset: str | None) -> str:
    """A JSON document in which what a charset does not have is escaped as JSON escapes it."""
    try:
        document.encode(charset or "utf-8")
    except UnicodeEncodeError:
        return re.sub("[^\x00-\x7f]", _json_escaped, document)
    return document


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Rows:
    """A plain table. Cells are data; one that is to have a style is a rich Text."""
    return Rows(headings, [[cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row] for row in rows])


def _cell(cell: object) -> str:
    return "" if cell is None else plain(cell)
