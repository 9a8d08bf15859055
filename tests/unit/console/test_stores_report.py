"""`lutong stores report` as a merchant sees it: the table, the JSON, and the map."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from lutong_console.cli.stores.command import commands
from lutong_console.cli.stores.store_map import drawn
from tests.support.one_answer import OneAnswer, answering

SVG: Final = "{http://www.w3.org/2000/svg}"
Document = dict[str, Any]


def a_store(location_id: str = "s-1", **more: object) -> Document:
    known = {"kind": "store", "name": f"屈臣氏 {location_id}", "latitude": 31.23, "longitude": 121.46, "given": 10, "rejected": 1,
             "lapsed": 0, "fulfilled": 8, "units": 20, "revenue_minor": {"CNY": 123_450}, "fill_rate": 0.8889,
             "reject_rate": 0.05, "on_time_rate": None}  # fmt: skip
    return {"location_id": location_id, **known, **more}


def a_report(*stores: Document, **more: object) -> Document:
    flows = [
        {"location_id": store["location_id"], "latitude": 31.2, "longitude": 121.5, "orders": 8} for store in stores
    ]
    span = {"since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"}
    return {"merchant_id": "watsons", **span, "stores": list(stores), "stores_left_out": 0, "flows": flows, **more}


NOTHING: Final[Document] = {"measured": 0, "pooled": None, "verdict": "not_enough_data", "stores": []}


@pytest.fixture
def inventory(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OneAnswer]]:
    with answering(a_report(a_store()), monkeypatch) as handler:
        handler.others = {"/sales": [], "/stores/uplift": NOTHING}
        yield handler


def lutong_stores(*arguments: str) -> Any:  # noqa: ANN401  # typer's result
    app = typer.Typer()
    app.add_typer(commands, name="stores")
    return CliRunner().invoke(app, ["stores", *arguments])


def test_the_table_has_a_store_a_line_in_two_languages(inventory: type[OneAnswer]) -> None:
    done = lutong_stores("report", "watsons", "--since", "2026-10-01T00:00:00Z")
    assert done.exit_code == 0
    time = "since=2026-10-01T00%3A00%3A00Z"
    assert inventory.asked == [
        f"/v1/merchants/watsons/stores/report?{time}&limit=500",
        "/v1/merchants/watsons/stores/uplift?until=2026-11-01",
        f"/v1/merchants/watsons/sales?{time}&until=2026-11-01T00%3A00%3A00Z",
    ]
    for word in ("门店", "reject 拒单率", "s-1", "1,234.50 CNY", "88.9 %", "5.0 %", "–", "数据不足"):
        assert word in done.output


def test_sales_and_uplift_stand_beside_each_store(inventory: type[OneAnswer]) -> None:
    more = {"value": 0.083, "low": 0.051, "high": 0.116}
    inventory.others["/stores/uplift"] = {
        "measured": 2_734, "pooled": more, "verdict": "higher", "stores": [{"location_id": "s-1", "shrunk": more}]
    }  # fmt: skip
    inventory.others["/sales"] = [
        {"location_id": "s-1", "currency": "CNY", "balance_minor": 987_650},
        {"location_id": "till-only", "currency": "CNY", "balance_minor": 100},
    ]
    output = lutong_stores("report", "watsons").output
    for word in (
        "9,876.50 CNY",
        "+8.3 %",
        "单店增收: +8.3 % (+5.1 % to +11.6 %), higher, 2,734 stores",
        "till-only 1.00 CNY",
    ):
        assert word in output


def test_json_is_what_inventory_answered(inventory: type[OneAnswer]) -> None:
    answered = inventory.document | {"sales": [], "uplift": NOTHING}
    assert json.loads(lutong_stores("report", "watsons", "--json").stdout) == answered


def test_what_is_left_out_is_counted(inventory: type[OneAnswer]) -> None:
    inventory.document = a_report(a_store(), stores_left_out=1_200)
    assert "1,200 stores with fewer orders are left out" in lutong_stores("report", "watsons").output
    inventory.document = a_report()
    assert "no store was given an order in this time" in lutong_stores("report", "watsons").output


def test_the_map_is_written_or_the_file_is_named(inventory: type[OneAnswer], tmp_path: Path) -> None:
    assert lutong_stores("report", "watsons", "--map", str(tmp_path / "map.svg")).exit_code == 0
    assert (tmp_path / "map.svg").read_text(encoding="utf-8") == drawn(inventory.document)
    refused = lutong_stores("report", "watsons", "--map", str(tmp_path / "nowhere" / "map.svg"))
    assert "cannot be written" in str(refused.exception)


def test_the_map_shows_stores_and_flows_and_describes_itself() -> None:
    document = a_report(
        a_store(), a_store("s-2", longitude=121.6, reject_rate=0.5), a_store("f", kind="flagship", latitude=31)
    )
    picture = ET.fromstring(drawn(document))  # noqa: S314  # our own picture
    assert picture.findtext(f"{SVG}title") == "watsons: orders and stores 订单与门店, 2026-10-01 – 2026-11-01"
    assert "24 orders from 3 places to 3 stores" in str(picture.findtext(f"{SVG}desc"))
    marks = [
        mark.get("class", "")
        for mark in picture.iter()
        if mark.tag != f"{SVG}svg" and mark.find(f"{SVG}title") is not None
    ]
    assert sorted(marks) == ["bad", "good", "good flagship"]
    assert len(picture.findall(f"{SVG}line[@class='flow']")) == 3
    assert "prefers-color-scheme:dark" in drawn(document)


def test_a_map_needs_nothing_from_elsewhere_and_keeps_within_itself() -> None:
    far = a_store("far", latitude=-89.0, longitude=-179.0, name="<b>&\"'")
    text = drawn(a_report(a_store(), far))
    assert re.findall(r"(?:href|src|url\()", text) == []
    inside = [float(value) for value in re.findall(r' (?:c?[xy][12]?)="([-\d.]+)"', text)]
    assert 0 <= min(inside) <= max(inside) <= 960
    assert "<b>" not in text


@pytest.mark.parametrize("document", [a_report(), a_report(a_store(fulfilled=0, reject_rate=None))])
def test_an_empty_map_is_a_map_as_well(document: Document) -> None:
    ET.fromstring(drawn(document))  # noqa: S314  # our own picture
