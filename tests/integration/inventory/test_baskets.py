"""Retail baskets over stores in real cities, by the service itself: what a merchant would have served by other rules."""

from pathlib import Path
from typing import Any, Final

import pytest

from lutong_console.cli.stores.store_map import drawn
from lutong_inventory.app import service
from tests.integration.conftest import PoolOf
from tools.baskets.play import load, play
from tools.baskets.scene import Rules, Scene, scene

DATA: Final = Path(__file__).parents[4] / "shared" / "data"
Report = dict[str, Any]


@pytest.fixture(scope="module")
def baskets() -> Scene:
    """A hundred and twenty baskets over twenty stores in four cities."""
    if not (DATA / "retail").is_dir():
        pytest.skip("the open data beside the project is not here: ../shared/data")
    return scene(DATA, stores=20, orders=120)


def by_mode(report: Report) -> dict[str, Report]:
    return {row["mode"]: row for row in report["modes"]}


async def test_more_baskets_are_served_when_they_may_be_split(baskets: Scene, pool_of: PoolOf) -> None:
    whole = await play(await pool_of(service), baskets, Rules())
    split = await play(await pool_of(service), baskets, Rules(parts_max=2))
    assert (whole["drift"], split["drift"]) == (0, 0)
    before, after = (by_mode(each)["delivery"] for each in (whole, split))
    assert (before["in_parts"], before["orders"]) == (0, after["orders"])
    assert after["in_parts"] > 3
    assert after["service_level"] > before["service_level"]
    assert by_mode(split)["pickup"]["in_parts"] == 0
    assert before["by_flagship"] > 0
    assert sum(row["orders"] for row in split["modes"]) == len(baskets.orders)
    assert "<circle" in drawn(split)


async def test_a_replay_of_the_same_scene_is_the_same(baskets: Scene) -> None:
    assert scene(DATA, stores=20, orders=120) == baskets


async def test_stores_take_no_more_than_their_day(baskets: Scene, pool_of: PoolOf) -> None:
    report = await play(await pool_of(service), baskets, Rules(parts_max=2, radius_m=5_000, daily_capacity=3))
    assert 0 < report["load"]["most"] <= 3
    assert report["drift"] == 0
    near = by_mode(report)["delivery"]["mean_distance_m"]
    assert near is None or near <= 5_000


def test_the_load_of_no_stores_is_nothing() -> None:
    assert load({"stores": []}) == {"stores": 0, "mean": 0.0, "p50": 0, "p95": 0, "most": 0}
