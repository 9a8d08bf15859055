"""Open data beside the project becomes files that the import takes, row for row."""

from pathlib import Path

import pytest

from lutong_console.imports.catalogue import KINDS, sources
from lutong_console.imports.reading import Reader
from lutong_console.imports.rows import Refusal
from tools.datasets.__main__ import main

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data (real open data), which the project never contains")
def test_every_row_of_the_open_data_is_one_that_the_import_takes(tmp_path: Path) -> None:
    assert main([str(DATA), str(tmp_path), "--posts", "50", "--orders", "50", "--stores", "5", "--follows", "500"]) == 0
    rows: dict[str, int] = {}
    for source in sources([tmp_path], None):
        with source.path.open("rb") as file:
            reads = list(Reader(source, file, "utf-8"))
        assert [read for read in reads if isinstance(read.row, Refusal)] == []
        rows[source.kind.name] = len(reads)
    assert set(rows) == set(KINDS) - {
        "turnover",
        "light-stores",
    }  # nobody publishes what their tills take, nor their templates
    assert (rows["posts"], rows["orders"], rows["stores"], rows["follows"]) == (51, 50, 6, 500)
