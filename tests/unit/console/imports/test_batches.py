"""Batches depend on what rows say: who mends a file sends few batches anew."""

from pathlib import Path

from lutong_console.imports.batches import Batch, batches
from lutong_console.imports.catalogue import KINDS
from lutong_console.imports.reading import Read
from tests.unit.console.imports.files import STOCK, a_file, read

KIND = KINDS["stock"]


def cut(reads: list[Read]) -> list[Batch]:
    return [item for item in batches(reads, KIND) if isinstance(item, Batch)]


def digests(reads: list[Read]) -> list[str]:
    return [KIND.request(batch.rows).digest for batch in cut(reads)]


def many(directory: Path, *, mended: bool = False) -> list[Read]:
    rows = [f"s1,sku-{n},{n}" for n in range(30_000)]
    if mended:
        rows[14_000] = "s1,sku-14000,7"
        rows.insert(100, "s0,new,1")
    return read(a_file(directory, STOCK + "\n".join(rows)))


def test_the_same_rows_are_the_same_requests(tmp_path: Path) -> None:
    assert digests(many(tmp_path)) == digests(many(tmp_path))


def test_a_row_that_is_added_or_mended_moves_few_others(tmp_path: Path) -> None:
    before, after = digests(many(tmp_path)), digests(many(tmp_path, mended=True))
    assert len(before) > 30
    assert 0 < len(set(after) - set(before)) <= 8


def test_no_batch_is_larger_than_a_request_may_be(tmp_path: Path) -> None:
    found = cut(many(tmp_path))
    assert sum(len(batch.rows) for batch in found) == 30_000
    assert max(len(batch.rows) for batch in found) <= KIND.rows_max
    assert max(len(KIND.request(batch.rows).content) for batch in found) < 256_000


def test_bad_rows_come_when_they_are_found(tmp_path: Path) -> None:
    reads = read(a_file(tmp_path, STOCK + "s1,a,1\ns1,b,x\ns1,c,1\n"))
    assert [item.line if isinstance(item, Read) else len(item.rows) for item in batches(reads, KIND)] == [3, 2]
