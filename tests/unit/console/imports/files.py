"""Files as people have them, written where a test wants them."""

from pathlib import Path

from lutong_console.imports.catalogue import sources
from lutong_console.imports.reading import Read, Reader
from lutong_console.imports.rows import Refusal

STOCK = "location_id,sku,on_hand\n"


def a_file(directory: Path, content: str | bytes, name: str = "stock.csv", encoding: str = "utf-8") -> Path:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path: Path, encoding: str = "utf-8") -> list[Read]:
    """All rows of a file, in order."""
    (source,) = sources([path], None)
    with path.open("rb") as file:
        return list(Reader(source, file, encoding))


def places(reads: list[Read]) -> list[tuple[int, str | None]]:
    """(line, column that is to blame, or None when the row is right) of each row."""
    return [(each.line, each.row.column if isinstance(each.row, Refusal) else None) for each in reads]
