"""`lutong stores what-if` as a merchant sees it: figures before and after, changed orders with the reason, JSON."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

from lutong_console.cli.errors import ConsoleError
from lutong_console.cli.stores.command import commands
from lutong_console.cli.stores.what_if import report_of, rules_of, span
from tests.support.one_answer import OneAnswer, answering

Document = dict[str, Any]
WHY: Final = {"en": "flagship was chosen", "zh": "选择 flagship"}


def served(*by: tuple[str, int], kind: str = "store") -> Document:
    return {
        "by": [{"location_id": at, "kind": kind, "distance_m": metres} for at, metres in by],
        "reason": None,
        "why": WHY,
    }


def an_order(order_id: str, before: Document, after: Document | None, **more: object) -> Document:
    changed = after is not None and after["by"] != before["by"]
    return {
        "order_id": order_id,
        "mode": "delivery",
        "changed": changed,
        "unsure": False,
        "before": before,
        "after": after,
        **more,
    }


NEAR: Final = served(("s-1", 800))
ORDERS: Final = [
    an_order("o-1", NEAR, NEAR),
    an_order("o-2", NEAR, served(("s-2", 2_400)), unsure=True),
    an_order("o-3", served(("s-1", 800), ("s-2", 2_400)), served()),
    an_order("o-4", NEAR, served(("flagship", 9_000), kind="flagship")),
    an_order("o-5", NEAR, None),
]


@pytest.fixture
def inventory(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OneAnswer]]:
    page: Document = {"orders": ORDERS, "next": None, "shifted": {}, "total": 7}
    with answering(page, monkeypatch) as handler:
        yield handler


def what_if(*arguments: str) -> Any:  # noqa: ANN401  # typer's result
    app = typer.Typer()
    app.add_typer(commands, name="stores")
    return CliRunner().invoke(app, ["stores", "what-if", "watsons", *arguments])


def test_figures_are_of_orders_of_which_both_sides_are_known() -> None:
    found = report_of(ORDERS)
    before, after = found["before"], found["after"]
    assert (before["orders"], before["served"], after["served"]) == (4, 4, 3)
    assert (before["in_parts"], after["in_parts"], before["by_flagship"], after["by_flagship"]) == (1, 0, 0, 1)
    assert (before["mean_distance_m"], after["mean_distance_m"]) == (1_120, 1_600)
    assert before["load"] == {"stores": 2, "mean": 2.5, "p95": 4, "most": 4}
    assert (found["changed"], found["unsure"], found["not_known"]) == (3, 1, 1)


def test_a_table_has_before_and_after_and_why(inventory: type[OneAnswer]) -> None:
    output = what_if("--set", "daily_capacity=2").output
    for words in ("daily_capacity=2", "before 之前", "1.1 km", "1.6 km", "3 orders would go elsewhere", "s-2 2.4 km ?", "nobody 无",
                  "选择 flagship", "1 orders are left out", "2 by --limit", "not: stores it did not keep"):  # fmt: skip
        assert words in output, words
    assert inventory.document["total"] == 7


@pytest.mark.usefixtures("inventory")
def test_json_has_all_of_it() -> None:
    found = json.loads(what_if("--json", "--since", "2026-11-28T00:00:00+00:00").stdout)
    assert [each["order_id"] for each in found["changes"]] == ["o-2", "o-3", "o-4"]
    assert (found["until"], found["orders_left_out"]) == ("2026-11-29T00:00:00+00:00", 2)


def test_what_is_set_goes_before_what_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"radius_m": 9000, "load_m": 50}')
    assert rules_of(path, ["radius_m=5000"]) == {"radius_m": 5_000, "load_m": 50}


@pytest.mark.parametrize(
    ("text", "settings"),
    [("", ["radius=1"]), ("", ["radius_m"]), ("", ["radius_m=far"]), ("[1]", []), ("{", []), ('{"load_m": "9"}', [])],
)
def test_rules_that_are_none_are_refused_with_a_sentence(text: str, settings: list[str], tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(ConsoleError) as refused:
        rules_of(path if text else None, settings)
    assert refused.value.code == 2


def test_yesterday_is_meant_unless_a_time_is_given() -> None:
    now = datetime(2026, 11, 29, 9, tzinfo=UTC)
    assert span(None, None, now) == {"since": "2026-11-28T00:00:00+00:00", "until": "2026-11-29T00:00:00+00:00"}
    with pytest.raises(ConsoleError):
        span("yesterday", None, now)
