"""Files are read row by row: what is right is a row, what is not has its line, its column and a reason."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from lutong_console.cli.errors import ConsoleError
from lutong_console.imports.catalogue import sources
from lutong_console.imports.kinds.stock import StockRow
from lutong_console.imports.kinds.stores import StoreRow
from lutong_console.imports.lines import ROW_BYTES_MAX
from lutong_console.imports.reading import Read
from lutong_console.imports.rows import Refusal
from tests.unit.console.imports.files import STOCK, a_file, places, read

STORES = "location_id,merchant_id,name,latitude,longitude\n"
NANJING = StoreRow(location_id="s1", merchant_id="m", name="南京西路店", latitude=31.2, longitude=121.5)


def reason(each: Read) -> str:
    assert isinstance(each.row, Refusal)
    return each.row.reason


@pytest.mark.parametrize(
    ("encoding", "mark", "ends"),
    [("utf-8", "", "\n"), ("utf-8", "\ufeff", "\r\n"), ("gb18030", "", "\r\n")],
    ids=["UTF-8", "with BOM and CRLF", "GB18030"],
)
def test_a_file_is_read_in_each_encoding(tmp_path: Path, encoding: str, mark: str, ends: str) -> None:
    text = mark + (STORES + "s1,m,南京西路店,31.2,121.5\n").replace("\n", ends)
    assert [each.row for each in read(a_file(tmp_path, text, "stores.csv", encoding), encoding)] == [NANJING]


def test_quoted_commas_quotes_and_lines_belong_to_their_cell(tmp_path: Path) -> None:
    rows = 's1,m,"Shop, with ""quotes""",31.2,121.5\n"s2",m,"Shop\ntwo",31.2,121.5\ns3,m,Shop,31.2,121.5\n'
    one, two, three = read(a_file(tmp_path, STORES + rows, "stores.csv"))
    assert isinstance(one.row, StoreRow)
    assert one.row.name == 'Shop, with "quotes"'
    assert places([one, two, three]) == [(2, None), (3, "name"), (5, None)]  # a name is one line


def test_empty_cells_are_absent_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    text = "location_id,sku,on_hand,safety_stock\ns1,a,1,\n\n,,,\ns1,b,2,3\n"
    rows = [each.row for each in read(a_file(tmp_path, text))]
    assert rows == [
        StockRow(location_id="s1", sku="a", on_hand=1),
        StockRow(location_id="s1", sku="b", on_hand=2, safety_stock=3),
    ]


def test_each_bad_row_is_reported_by_place_and_stops_no_other(tmp_path: Path) -> None:
    rows = "s1,a,1\ns1,b,many\n s1,c,1\ns1,d\ns1,e,1,1\ns1,f,-1\ns1,g,2\n"
    reads = read(a_file(tmp_path, STOCK + rows))
    assert places(reads) == [
        (2, None), (3, "on_hand"), (4, "location_id"), (5, ""), (6, ""), (7, "on_hand"), (8, None),
    ]  # fmt: skip
    assert reason(reads[1]) == "on_hand must be a whole number, not text"
    assert reason(reads[3]) == "it has 2 cells, and the header has 3 columns"


def test_a_row_that_is_no_text_spoils_itself_alone(tmp_path: Path) -> None:
    reads = read(a_file(tmp_path, STOCK.encode() + b"s1,a,1\ns1,\xff\xfe,1\ns1,b,1\n"))
    assert places(reads) == [(2, None), (3, "sku"), (4, None)]
    assert "--encoding gb18030" in reason(reads[1])


@pytest.mark.parametrize("rest", ["", "s3,c,3\n" * 3, "s3,c,3\n" * 200_000], ids=["end", "some rows", "a megabyte"])
def test_a_quote_that_never_closes_spoils_its_line_alone(tmp_path: Path, rest: str) -> None:
    reads = read(a_file(tmp_path, STOCK + 's1,a,1\ns2,"b,2\n' + rest))
    assert places(reads[:3]) == [(2, None), (3, ""), (4, None)][: 2 + bool(rest)]
    assert len(reads) == 2 + rest.count("\n")


def test_two_stray_quotes_spoil_two_lines_and_none_between(tmp_path: Path) -> None:
    reads = read(a_file(tmp_path, STOCK + 's1,5" pipe,1\ns1,b,1\ns1,6" pipe,1\ns1,c,1\n'))
    assert places(reads) == [(2, ""), (3, None), (4, ""), (5, None)]


def test_a_row_of_ten_megabytes_is_refused_and_not_held(tmp_path: Path) -> None:
    path = a_file(tmp_path, STOCK + "s1,a,1\n" + "x" * 10_000_000 + "\ns1,b,1\n")
    tracemalloc.start()
    reads = read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert places(reads) == [(2, None), (3, ""), (4, None)]
    assert "longer than 1024 KiB" in reason(reads[1])
    assert most < 5 * ROW_BYTES_MAX


def test_objects_are_read_line_by_line(tmp_path: Path) -> None:
    rows = ['{"location_id":"s1","sku":"a","on_hand":1}', "{", "[1]", "", '{"location_id":"s1","skus":"a","on_hand":1}']
    reads = read(a_file(tmp_path, "\n".join(rows), "stock.ndjson"))
    assert places(reads) == [(1, None), (2, ""), (3, ""), (5, "sku")]
    assert reads[0].row == StockRow(location_id="s1", sku="a", on_hand=1)
    assert reason(reads[1]) == "it is not JSON: unexpected end at character 2"
    assert "did you mean sku?" in reason(reads[3])


def test_lists_and_objects_are_written_in_cells(tmp_path: Path) -> None:
    rows = 'p,m,T,pages/a,a;b,"[{""sku"":""s"",""title"":""S"",""unit_price"":{""amount_minor"":1,""currency"":""CNY""}}]"\n'
    rows += 'p,m,T,pages/a,"[""a"",""b""]",\np,m,T,pages/a,,{\n'
    one, two, three = read(
        a_file(tmp_path, "program_id,merchant_id,title,page,keywords,offers\n" + rows, "programs.csv")
    )
    found: list[Any] = [one.row, two.row]
    assert [row.keywords for row in found] == [["a", "b"]] * 2
    assert found[0].offers[0].unit_price.currency == "CNY"
    assert places([three]) == [(4, "offers")]


def test_lines_of_an_order_are_written_in_one_cell(tmp_path: Path) -> None:
    header = "request_id,post_id,viewer_id,lines,latitude,longitude\n"
    one, two = read(a_file(tmp_path, header + "r1,p,v,a:2; b:1,31,121\nr2,p,v,a*2,31,121\n", "orders.csv"))
    found: Any = one.row
    assert [(line.sku, line.units) for line in found.lines] == [("a", 2), ("b", 1)]
    assert places([two]) == [(3, "lines")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04\x00\x00", "is not text (byte 4 is NUL)"),
        (STOCK.encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"location_id;sku;on_hand\n", "its columns are separated by ';'; save it with commas"),
        (b"location_id\tsku\ton_hand\n", "save it with commas"),
        (b"location_id,sku,on_hand\rs1,a,1\r", "its lines end with CR alone"),
        (b"location_id,sku\n", "its header lacks column 'on_hand'; columns of stock are location_id, sku, on_hand"),
        (b"location_id,sku,on_hand,price\n", "its header has unknown column 'price'"),
        (b"location_id,sku,on_hand,sku\n", "its header repeats column 'sku'"),
        (b'location_id,"sku,on_hand\n', "its first line is no header"),
        (b"\xff,sku\n", "its first line is no header"),
    ],
)
def test_a_file_that_is_none_is_refused_with_a_remedy(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(ConsoleError, match=r"stock\.csv") as refused:
        read(a_file(tmp_path, content))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [("stock.xlsx", "is neither .csv nor .ndjson"), ("shelves.csv", "its name does not show what its rows are")],
)
def test_a_file_is_known_by_its_name(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConsoleError, match=why):
        sources([a_file(tmp_path, STOCK, name)], None)


def test_files_of_a_folder_come_in_the_order_of_need(tmp_path: Path) -> None:
    for name in ("stock.csv", "stores.ndjson", "merchants.csv", "notes.txt"):
        a_file(tmp_path, STOCK, name)
    assert [source.path.name for source in sources([tmp_path], None)] == ["merchants.csv", "stores.ndjson", "stock.csv"]
    (given,) = sources([a_file(tmp_path, STOCK, "shelves.csv")], "stock")
    assert given.kind.name == "stock"
