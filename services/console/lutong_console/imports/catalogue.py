"""All kinds of files, in the order in which one needs the other."""

from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.imports.kinds.accounts import ACCOUNTS
from lutong_console.imports.kinds.follows import FOLLOWS
from lutong_console.imports.kinds.light_stores import LIGHT_STORES
from lutong_console.imports.kinds.members import MEMBERS
from lutong_console.imports.kinds.merchants import MERCHANTS
from lutong_console.imports.kinds.orders import ORDERS
from lutong_console.imports.kinds.plans import PLANS
from lutong_console.imports.kinds.posts import POSTS
from lutong_console.imports.kinds.programs import PROGRAMS
from lutong_console.imports.kinds.stock import STOCK
from lutong_console.imports.kinds.stores import STORES
from lutong_console.imports.kinds.turnover import TURNOVER
from lutong_console.imports.rows import Kind

KINDS: Final[dict[str, Kind[Any]]] = {
    kind.name: kind
    for kind in (
        MERCHANTS,
        PROGRAMS,
        ACCOUNTS,
        FOLLOWS,
        STORES,
        LIGHT_STORES,
        TURNOVER,
        STOCK,
        PLANS,
        MEMBERS,
        POSTS,
        ORDERS,
    )
}

FORMATS: Final = (".csv", ".ndjson")


class Source(NamedTuple):
    """A file, and what its rows are."""

    path: Path
    kind: Kind[Any]

    @property
    def is_csv(self) -> bool:
        """Whether it is CSV; else it has a JSON object per line."""
        return self.path.suffix == ".csv"


def sources(paths: list[Path], kind: str | None) -> list[Source]:
    """The files to take, those of a folder by their names, in the order in which one needs the other."""
    if kind is not None and kind not in KINDS:
        raise ConsoleError(f"there is no kind {kind!r}: there are {', '.join(KINDS)}", code=USAGE)
    found = [source for path in paths for source in (_in_folder(path) if path.is_dir() else [_of(path, kind)])]
    order = list(KINDS)
    return sorted(found, key=lambda source: order.index(source.kind.name))


def _in_folder(folder: Path) -> list[Source]:
    named = [folder / f"{name}{suffix}" for name in KINDS for suffix in FORMATS]
    found = [_of(path, None) for path in named if path.is_file()]
    if not found:
        raise ConsoleError(
            f"{folder} has no file to import: name them {', '.join(KINDS)}, with .csv or .ndjson", code=USAGE
        )
    return found


def _of(path: Path, kind: str | None) -> Source:
    """A file by the first word of its name: `stock.csv`, `stock.rejected.csv`."""
    if not path.is_file():
        raise ConsoleError(f"there is no file {path}", code=USAGE)
    if path.suffix not in FORMATS:
        raise ConsoleError(f"{path} is neither .csv nor .ndjson: give it the ending of its format", code=USAGE)
    name = kind or path.name.partition(".")[0]
    if name not in KINDS:
        raise ConsoleError(
            f"{path}: its name does not show what its rows are",
            then=f"lutong import {path} --kind KIND, where KIND is one of {', '.join(KINDS)}",
            code=USAGE,
        )
    return Source(path, KINDS[name])
