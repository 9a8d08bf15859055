"""What `make bench PART=peers` makes of what it read."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.peers.build import CannotBuildError, tool
from tests.bench.peers.measure import line_of, rows_of
from tests.bench.peers.tally import Tally


def a_record(order: str, captured_ms: int, held_ms: int | None = None) -> Any:  # noqa: ANN401  # a record of aiokafka
    headers = [] if held_ms is None else [("held_at_ms", str(held_ms).encode())]
    return SimpleNamespace(key=order.encode(), timestamp=captured_ms, headers=headers)


def a_measurement(orders_per_s: float, services_ms: float = 1.0, others_ms: float = 1.0) -> dict[str, float]:
    half = {f"cpu_ms_{name}": services_ms / 2 for name in ("credit", "stock")}
    rest = {f"cpu_ms_{name}": others_ms / 2 for name in ("kafka", "postgres")}
    return {"orders_per_s": orders_per_s, "peak_mb_credit": 50, "peak_mb_stock": 40} | half | rest


def test_an_order_that_came_once_is_neither_lost_nor_doubled() -> None:
    tally = Tally()
    tally.add([a_record("o-1", 10), a_record("o-2", 11)])

    assert tally.against(2) == {"lost": 0, "doubled": 0}


def test_orders_that_are_missing_or_come_twice_are_counted() -> None:
    tally = Tally()
    tally.add([a_record("o-1", 10)])
    tally.add([a_record("o-1", 12), a_record("o-1", 13)])

    assert tally.against(2) == {"lost": 1, "doubled": 2}


def test_time_goes_from_the_first_hold_to_the_last_capture() -> None:
    tally = Tally()
    tally.add([a_record("o-2", 3000, held_ms=1500), a_record("o-1", 4000, held_ms=1000), a_record("o-3", 3500, 2000)])

    assert tally.taken_s == 3.0


def test_a_tally_without_holds_took_no_time() -> None:
    tally = Tally()
    tally.add([a_record("o-1", 4000)])

    assert tally.taken_s == 0.0


def test_ways_are_compared_with_the_floor_of_the_same_run() -> None:
    rates = {
        "floor": [a_measurement(900), a_measurement(1100)],
        "franz": [a_measurement(2000, services_ms=0.25, others_ms=0.25)],
    }

    floor, franz = rows_of(rates)

    assert (floor["of_floor"], floor["all_cpu_of_floor"], floor["spread"]) == (1.0, 1.0, 0.2)
    assert (franz["of_floor"], franz["all_cpu_of_floor"], franz["peak_mb"]) == (2.0, 0.25, 50)


def test_the_line_tells_who_was_skipped_and_why() -> None:
    found = rows_of({"floor": [a_measurement(1000)], "franz": [a_measurement(1500)]})

    line = line_of(found, {"streams": "mvn is not on PATH"})

    assert line.endswith("franz 1.5 at 1.0; streams skipped: mvn is not on PATH")
    assert "floor 1.0 at" not in line


def test_a_tool_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CannotBuildError, match="go is not on PATH"):
        tool("go")
